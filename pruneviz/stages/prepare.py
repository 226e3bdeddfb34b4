"""Plan and subject in; everything out that does not depend on how much is removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from pruneviz.allocate import Costs, Ranking
from pruneviz.coupling.accept import accept
from pruneviz.criteria import (
    CRITERIA,
    Evidence,
    Scored,
    check_asked,
    check_fits,
    score_asked,
    updates,
)
from pruneviz.evaluate import answers, at_once
from pruneviz.granularity import GRANULARITIES, Units, noun
from pruneviz.measure.answers import unanswered
from pruneviz.measure.cost import (
    counted_macs,
    parameters_by_name,
)
from pruneviz.measure.packing import stored_bytes
from pruneviz.measure.permuted import permutation_note
from pruneviz.network.held import held_tensors
from pruneviz.network.steady import draws, watching
from pruneviz.plan import Part, Plan
from pruneviz.proof import check as check  # part of this file's interface
from pruneviz.proof import find_units
from pruneviz.report import (
    LeftOut,
)
from pruneviz.stages.counting import Counting
from pruneviz.statistics import BATCH_SIZE, Samples, StatisticRequest
from pruneviz.subjects import Data, Subject, plainly
from pruneviz.tasks import Answers
from pruneviz.wording import Fact, RefusedError, judged, passes
from pruneviz.wording.refusals import choosing


@dataclass(frozen=True)
class Baseline:
    """The original's numbers, which no plan changes.

    `answers` are what the task keeps of its outputs for the data, such as logits (N, classes); None
    without data.

    `notes` are what its numbers must be warned of, `uncounted` the operators that `macs` leave out;
    `random` says that its answers to the data are drawn.
    """

    answers: Answers | None
    macs: Mapping[str, int]
    parameters: Mapping[str, int]
    bytes: int
    notes: tuple[Fact, ...] = ()
    uncounted: tuple[str, ...] = ()
    random: bool = False


@dataclass(frozen=True)
class Prepared:
    """A subject made ready for a plan: everything that does not depend on how much is removed."""

    subject: Subject
    baseline: Baseline
    units: tuple[Units, ...]
    skipped: tuple[LeftOut, ...]
    ranking: Ranking
    plan: Plan  # its methods alone count here
    evidence: Evidence | None = None  # for the criteria that give new values to what stays
    ranking_notes: tuple[Fact, ...] = ()

    @property
    def notes(self) -> tuple[Fact, ...]:
        """Return what the user must know of the original and of how its units are ranked."""
        return tuple(
            dict.fromkeys((*self.subject.notes, *self.baseline.notes, *self.ranking_notes))
        )

    @property
    def random(self) -> bool:
        """Return whether the original's answers are drawn at random."""
        return self.subject.random or self.baseline.random

    @property
    def scores(self) -> Mapping[str, Tensor]:
        """Return each layer's scores by units name, (count,); higher stays longer."""
        return self.ranking.scores


def measure_baseline(subject: Subject) -> Baseline:
    """Evaluate and count the original once."""
    found, random, notes = None, False, list[Fact]()
    if subject.data is not None:
        found, random = _answers(subject, subject.data)
        notes = [passes.not_fixed()] if random else []
        notes += _label_notes(subject, found)
    macs, uncounted = counted_macs(subject.model, subject.example)
    notes += [judged.macs_leave_out(", ".join(uncounted))] if uncounted else []
    return Baseline(
        answers=found,
        macs=macs,
        parameters=parameters_by_name(subject.model),
        bytes=stored_bytes(held_tensors(subject.model)),
        notes=tuple(notes),
        uncounted=uncounted,
        random=random,
    )


def _answers(subject: Subject, data: Data) -> tuple[Answers, bool]:
    """Return the original's answers to N inputs, and whether they are drawn at random.

    A network may draw at a few inputs alone, which is seen here at the latest.
    """

    def answer() -> Answers:
        return answers(subject.model, data.x, data.y, subject.task)

    with watching() as drew:
        found = answer()
        drawn = drew()
    return found, subject.random or (drawn and draws(answer))


def _label_notes(subject: Subject, found: Answers) -> list[Fact]:
    """Return what the original's answers must be warned of, where they are one label an input."""
    if subject.data is None or not subject.task.labelled or not isinstance(found, Tensor):
        return []
    said = unanswered(found, "original"), permutation_note(found, subject.data)
    return [note for note in said if note]


def preparation_key(plan: Plan) -> str:
    """Return a digest of the parts of a plan on which `prepare` depends."""
    return plan.key(Part.SUBJECT | Part.RANKING)


def prepare(subject: Subject, plan: Plan, baseline: Baseline | None = None) -> Prepared:
    """Find the units and score them; ValueError says what the plan asks that the subject lacks."""
    accept(subject.model)
    subject = plainly(subject)
    check_fits(plan.criterion, plan.granularity)
    check_asked(_asked(subject.model, subject, plan, ()))
    units, skipped = find_units(
        subject.model, subject.example, plan.granularity, plan.granularity_parameters
    )
    if not units:
        reasons = tuple((s.name, s.reason) for s in skipped[:5])
        title = GRANULARITIES.get(plan.granularity).title
        raise RefusedError(choosing.no_units(noun(plan.granularity), title, reasons))
    found = scored(subject.model, subject, plan, units)
    baseline = baseline or measure_baseline(subject)
    evidence = found.evidence if updates(plan.criterion) else None
    ranking = Ranking.of(units, found.scores)
    return Prepared(
        subject, baseline, units, skipped, ranking, plan, evidence, ranking_notes=found.notes
    )


def scored(model: nn.Module, subject: Subject, plan: Plan, units: tuple[Units, ...]) -> Scored:
    """Score all units of a model of the subject's kind, such as the one trained so far.

    ValueError says what the plan's criterion asks that the subject lacks.
    """
    return score_asked(_asked(model, subject, plan, units))


def _asked(
    model: nn.Module, subject: Subject, plan: Plan, units: tuple[Units, ...]
) -> StatisticRequest:
    data = subject.data
    given = None
    if data is not None:
        x, y = data.calibration_x, data.calibration_y
        size = at_once(model, x, subject.task, BATCH_SIZE) if len(y) else BATCH_SIZE
        given = Samples(x=x, y=y, classes=data.classes, at_once=size)
    return StatisticRequest(
        criterion=plan.criterion,
        model=model,
        example=subject.example,
        units=units,
        seed=plan.seed,
        settings=CRITERIA.get(plan.criterion).settings(plan.criterion_parameters),
        given=given,
        task=subject.task,
    )


def counting(prepared: Prepared) -> Costs:
    """Return what counts the parameters, MACs or bytes left of a prepared network."""
    model, example = prepared.subject.model, prepared.subject.example
    return Counting(model, example, prepared.units, prepared.baseline.macs)
