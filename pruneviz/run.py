"""Plan → Report: the only file that knows every stage."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor, nn

from pruneviz.allocate import Costs, Ranking, allocate, locked_units, scope_settings
from pruneviz.apply import Applied, applied_notes, apply
from pruneviz.calibrate import Asked, Samples
from pruneviz.counting import Counting
from pruneviz.coupling import layer_of
from pruneviz.coupling.accept import accept
from pruneviz.criteria import CRITERIA, Evidence, Scored, check_asked, score_asked, updated, updates
from pruneviz.evaluate import predict
from pruneviz.granularity import GRANULARITIES, Units, noun
from pruneviz.home import default_home
from pruneviz.measure.answers import answer_notes
from pruneviz.measure.cost import (
    counted_macs,
    masked_macs,
    parameters_by_name,
    uncounted_alone_notes,
    uncounted_note,
)
from pruneviz.measure.held import held_tensors
from pruneviz.measure.latency import Timings, time_pair
from pruneviz.measure.machine import this_machine
from pruneviz.measure.packing import stored_bytes
from pruneviz.measure.permuted import permutation_note
from pruneviz.measure.quality import accuracy_pair
from pruneviz.plan import ONE_SHOT, Plan
from pruneviz.proof import check as check  # part of this file's interface
from pruneviz.proof import find_units, prove
from pruneviz.recovery import spelled_out
from pruneviz.recovery.frozen import held
from pruneviz.report import (
    Amount,
    LatencyPair,
    LayerReport,
    RecoveryReport,
    Report,
    Skipped,
    Sparsity,
    Uncounted,
)
from pruneviz.steady import RANDOM_NOTE, draws, watching
from pruneviz.subjects import Subject, load_subject, plainly, sent_files


@dataclass(frozen=True)
class Baseline:
    """The original's numbers, which no plan changes; `logits`: (N, classes), None without data.

    `notes` are what its numbers must be warned of, `uncounted` the operators that `macs` leave out.
    """

    logits: Tensor | None
    macs: Mapping[str, int]
    parameters: Mapping[str, int]
    bytes: int
    notes: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A subject made ready for a plan: everything that does not depend on how much is removed."""

    subject: Subject
    baseline: Baseline
    units: tuple[Units, ...]
    skipped: tuple[Skipped, ...]
    ranking: Ranking
    plan: Plan  # its methods alone count here
    evidence: Evidence | None = None  # for the criteria that give new values to what stays

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the user must know of the original."""
        return tuple(dict.fromkeys((*self.subject.notes, *self.baseline.notes)))

    @property
    def random(self) -> bool:
        """Return whether the original's answers are drawn at random."""
        return RANDOM_NOTE in self.notes

    @property
    def scores(self) -> Mapping[str, Tensor]:
        """Return each layer's scores by units name, (count,); higher stays longer."""
        return self.ranking.scores


@dataclass(frozen=True)
class Pruned(Applied):
    """A pruned network with the plan that made it and what the user must know."""

    plan: Plan
    requested: float
    error: float
    notes: tuple[str, ...]
    recovery: RecoveryReport | None = None


def measure_baseline(subject: Subject) -> Baseline:
    """Evaluate and count the original once."""
    logits, notes = None, list[str]()
    if subject.data is not None:
        logits, random = _answers(subject, subject.data.x)
        found = (RANDOM_NOTE if random else "", permutation_note(logits, subject.data))
        notes = [note for note in found if note]
    macs, uncounted = counted_macs(subject.model, subject.example)
    notes += [uncounted_note(uncounted)] if uncounted else []
    return Baseline(
        logits=logits,
        macs=macs,
        parameters=parameters_by_name(subject.model),
        bytes=stored_bytes(held_tensors(subject.model)),
        notes=tuple(notes),
        uncounted=uncounted,
    )


def _answers(subject: Subject, x: Tensor) -> tuple[Tensor, bool]:
    """Return the original's logits, (N, classes), and whether they are drawn at random.

    A network may draw at a few inputs alone, which is seen here at the latest.
    """
    with watching() as drew:
        logits = predict(subject.model, x)
        drawn = drew()
    return logits, subject.random or (drawn and draws(lambda: predict(subject.model, x)))


def preparation_key(plan: Plan) -> str:
    """Return a digest of the plan's fields on which `prepare` depends."""
    deciding = {"model", "weights", "weights_sha256", "data", "data_sha256", "classes", "reading",
                "input_shape", "criterion", "criterion_parameters", "granularity",
                "granularity_parameters", "seed"}  # fmt: skip
    text = json.dumps(plan.model_dump(mode="json", include=deciding), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def prepare(subject: Subject, plan: Plan, baseline: Baseline | None = None) -> Prepared:
    """Find the units and score them; ValueError says what the plan asks that the subject lacks."""
    accept(subject.model)
    subject = plainly(subject)
    check_asked(_asked(subject.model, subject, plan, ()))
    units, skipped = find_units(
        subject.model, subject.example, plan.granularity, plan.granularity_parameters
    )
    if not units:
        reasons = "; ".join(f"{s.name}: {s.reason}" for s in skipped[:5])
        title = GRANULARITIES.get(plan.granularity).title
        raise ValueError(
            f"this model has no {noun(plan.granularity)} that can be pruned as '{title}' "
            f"({reasons or 'no layers'}): choose another granularity"
        )
    found = scored(subject.model, subject, plan, units)
    baseline = baseline or measure_baseline(subject)
    evidence = found.evidence if updates(plan.criterion) else None
    ranking = Ranking.of(units, found.scores)
    return Prepared(subject, baseline, units, skipped, ranking, plan, evidence)


def scored(model: nn.Module, subject: Subject, plan: Plan, units: tuple[Units, ...]) -> Scored:
    """Score all units of a model of the subject's kind, such as the one trained so far.

    ValueError says what the plan's criterion asks that the subject lacks.
    """
    return score_asked(_asked(model, subject, plan, units))


def _asked(model: nn.Module, subject: Subject, plan: Plan, units: tuple[Units, ...]) -> Asked:
    data = subject.data
    given = None
    if data is not None:
        given = Samples(x=data.calibration_x, y=data.calibration_y, classes=data.classes)
    return Asked(
        criterion=plan.criterion,
        model=model,
        example=subject.example,
        units=units,
        seed=plan.seed,
        settings=CRITERIA.get(plan.criterion).settings(plan.criterion_parameters),
        given=given,
    )


def removed(
    model: nn.Module,
    units: tuple[Units, ...],
    keep: Mapping[str, Tensor],
    plan: Plan,
    evidence: Evidence | None,
    frozen: Collection[str],
) -> Applied:
    """Remove the units that do not stay; those that do get new values where the criterion can.

    New values fit zeros in tensors of the old size; where tensors get smaller, none are given.
    Parameters that the network froze, by name, lose what is removed and get none either.
    """
    applied = apply(model, units, keep)
    if evidence is None or applied.is_cut:
        return applied
    staying, settings = held(model, frozen), plan.criterion_parameters
    masks = {name: mask for name, mask in applied.masks.items() if name not in staying}
    better = updated(model, plan.criterion, settings, masks, evidence)
    return replace(apply(better, units, keep), original=model)


def prune(prepared: Prepared, plan: Plan) -> Pruned:
    """Remove what the plan asks for; ValueError says which part of it is impossible and why."""
    bound = bind(plan, prepared.subject)
    allocation = allocate(prepared.units, prepared.ranking, bound, counting(prepared))
    model = prepared.subject.model
    applied = removed(
        model, prepared.units, allocation.keep, plan, prepared.evidence, prepared.subject.frozen
    )
    notes = (*prepared.notes, *allocation.notes, *pruning_notes(applied, plan))
    parts = {field.name: getattr(applied, field.name) for field in fields(applied)}
    error = prove(applied, prepared.subject.example)
    return Pruned(**parts, plan=bound, requested=allocation.requested, error=error, notes=notes)


def pruning_notes(applied: Applied, plan: Plan) -> tuple[str, ...]:
    """Return what the user must know of a network that was pruned by a plan."""
    notes = applied_notes(applied, plan.granularity)
    if applied.is_cut and updates(plan.criterion):
        title = CRITERIA.get(plan.criterion).title
        notes = (*notes, f"{title} ranks here only: what stays is updated where weights are zeros")
    return notes


def counting(prepared: Prepared) -> Costs:
    """Return what counts the parameters, MACs or bytes left of a prepared network."""
    model, example = prepared.subject.model, prepared.subject.example
    return Counting(model, example, prepared.units, prepared.baseline.macs)


def bind(plan: Plan, subject: Subject) -> Plan:
    """Return the plan with defaults, weights and data spelled out, so that its digest has them."""
    return plan.changed(
        weights_sha256=subject.sha256,
        data=subject.data.reference if subject.data else None,
        data_sha256=subject.data.sha256 if subject.data else None,
        **methods(plan),
    )


def methods(plan: Plan) -> dict[str, Any]:
    """Return what a plan's methods take, with defaults, as fields of a plan.

    ValueError names a method or parameter that does not exist; no model is opened for that.
    """
    granularity = GRANULARITIES.get(plan.granularity)
    return {
        "criterion_parameters": CRITERIA.get(plan.criterion).spelled_out(plan.criterion_parameters),
        "granularity_parameters": granularity.settings(plan.granularity_parameters),
        "scope_parameters": scope_settings(plan),
        **spelled_out(plan),
    }


def time_models(
    prepared: Prepared,
    pruned: Pruned,
    runs: int = 100,
    limit_s: float | None = None,
    threads: int = 1,
) -> Timings:
    """Time original and pruned in turns on one input."""
    example = prepared.subject.example[:1]
    return time_pair(prepared.subject.model, pruned.model, example, runs, limit_s, threads)


def report(prepared: Prepared, pruned: Pruned, latency: LatencyPair) -> Report:
    """Evaluate the pruned network and set every number beside the original's."""
    subject, baseline = prepared.subject, prepared.baseline
    accuracy = None
    warned: tuple[str, ...] = ()
    if subject.data is not None and baseline.logits is not None:
        logits = predict(pruned.model, subject.data.x)
        accuracy = accuracy_pair(baseline.logits, logits, subject.data.y)
        warned = answer_notes(baseline.logits, logits, subject.data.y, subject.data.classes)
    parameters, macs, left_out = _costs(prepared, pruned)
    apart = Uncounted(original=baseline.uncounted, pruned=left_out)
    said = (*pruned.notes, *baseline.notes, *uncounted_alone_notes(apart), *warned)
    packed = {} if pruned.is_cut else pruned.masks
    return Report(
        digest=pruned.plan.digest(),
        plan=pruned.plan,
        model=subject.title,
        weights_label=subject.weights_label,
        data=subject.data.note if subject.data else None,
        sparsity=_sparsity(prepared, pruned),
        accuracy=accuracy,
        parameters=_amount(baseline.parameters, parameters),
        macs=_amount(baseline.macs, macs),
        bytes=Amount(
            original=baseline.bytes, pruned=stored_bytes(held_tensors(pruned.model), packed)
        ),
        latency_ms=latency,
        max_relative_error=pruned.error,
        layers=_layers(prepared, pruned, parameters, macs),
        skipped=prepared.skipped,
        notes=tuple(dict.fromkeys(said)),
        machine=this_machine(),
        recovery=pruned.recovery,
        inputs=sent_files(pruned.plan, default_home()),
        uncounted=apart,
    )


def uncounted(prepared: Prepared, pruned: Pruned) -> Uncounted:
    """Return the operators that the MACs of both networks leave out."""
    return Uncounted(original=prepared.baseline.uncounted, pruned=_costs(prepared, pruned)[2])


def costs(prepared: Prepared, pruned: Pruned) -> tuple[dict[str, int], dict[str, int]]:
    """Return the parameters and MACs left, by parameter name."""
    parameters, macs, _ = _costs(prepared, pruned)
    return parameters, macs


def _costs(
    prepared: Prepared, pruned: Pruned
) -> tuple[dict[str, int], dict[str, int], tuple[str, ...]]:
    """Return the same, and the operators that the pruned network's MACs leave out."""
    baseline = prepared.baseline
    if pruned.is_cut:
        model = pruned.model
        return parameters_by_name(model), *counted_macs(model, prepared.subject.example)
    counts = {**baseline.parameters}
    counts.update({name: int(mask.count_nonzero()) for name, mask in pruned.masks.items()})
    return counts, masked_macs(dict(baseline.macs), pruned.masks), baseline.uncounted


def _amount(original: Mapping[str, int], pruned: Mapping[str, int]) -> Amount:
    return Amount(original=sum(original.values()), pruned=sum(pruned.values()))


def _sparsity(prepared: Prepared, pruned: Pruned) -> Sparsity:
    total = sum(layer.count for layer in prepared.units)
    kept = sum(int(keep.count_nonzero()) for keep in pruned.keep.values())
    return Sparsity(
        requested=pruned.requested,
        achieved=(total - kept) / total,
        unit=pruned.plan.granularity,
        units=total,
        removed=total - kept,
    )


def _by_layer(counts: Mapping[str, int]) -> Counter[str]:
    """Return the sum over each layer's parameters, 0 where it has none."""
    found: Counter[str] = Counter()
    for name, count in counts.items():
        found[layer_of(name)] += count
    return found


def _layers(
    prepared: Prepared,
    pruned: Pruned,
    parameters: Mapping[str, int],
    macs: Mapping[str, int],
) -> tuple[LayerReport, ...]:
    before = prepared.baseline
    counts = (before.parameters, parameters, before.macs, macs)
    of_layer = [_by_layer(each) for each in counts]
    rows, locked = [], locked_units(prepared.units, pruned.plan)
    counted: set[str] = set()  # a layer whose outputs lie in two groups counts in the first
    for layer in prepared.units:
        removed = int((~pruned.keep[layer.name]).sum())
        names = [name for name in layer.layers if name not in counted]
        counted.update(names)
        sums = [sum(each[name] for name in names) for each in of_layer]
        rows.append(
            LayerReport(
                name=layer.name,
                layers=layer.layers,
                units=layer.count,
                removed=removed,
                locked=len(locked[layer.name]),
                sparsity=removed / layer.count,
                parameters=Amount(original=sums[0], pruned=sums[1]),
                macs=Amount(original=sums[2], pruned=sums[3]),
            )
        )
    return tuple(rows)


def asks_for_rounds(plan: Plan) -> bool:
    """Return whether a plan does more than prune once."""
    return bool(plan.recovery) or plan.schedule != ONE_SHOT


def recovered(prepared: Prepared, plan: Plan, device: str = "cpu") -> Pruned:
    """Prune and recover in the rounds that a plan asks for, from start to end."""
    from pruneviz.recover import Recovering  # here, because it builds on this file

    work = Recovering(prepared, plan, device)
    while not work.finished:
        work.step()
    return work.result()


def run(plan: Plan, latency_runs: int = 100, threads: int = 1) -> tuple[Prepared, Pruned, Report]:
    """Carry a plan out: load, prepare, prune, recover where it says so, measure."""
    methods(plan)  # a wrong name is said before anything is opened
    subject = load_subject(plan)
    prepared = prepare(subject, plan)
    pruned = recovered(prepared, plan) if asks_for_rounds(plan) else prune(prepared, plan)
    timings = time_models(prepared, pruned, latency_runs, threads=threads)
    return prepared, pruned, report(prepared, pruned, timings.summary())
