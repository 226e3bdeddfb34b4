"""The chosen candidate, pruned and proved as it will be shown, and what must be known of it."""

from __future__ import annotations

from dataclasses import dataclass

from pruneviz import run
from pruneviz.propose.binding import binding
from pruneviz.propose.measured_loss import Lost
from pruneviz.propose.paths import UNIFORM, Counts
from pruneviz.propose.proposal import Proposal
from pruneviz.propose.work import Proposing
from pruneviz.report import Interval
from pruneviz.wording import Fact, offers, passes


@dataclass(frozen=True)
class Candidate:
    """What one family of ratios comes to: how many units go, and what that really loses."""

    family: str
    counts: Counts
    lost: Lost


@dataclass(frozen=True)
class Reached:
    """How far the goal is reached, in its unit, and the original's number."""

    value: float
    original: float
    interval: Interval | None = None


def finish(
    work: Proposing,
    best: Candidate,
    reached: Reached,
    control: Counts | None = None,
    held: tuple[Fact, ...] = (),
    notes: tuple[Fact, ...] = (),
) -> Proposal:
    """Return the proposal: pruned, proved and judged on the held-out inputs.

    `control` are equal parts of every layer that reach the same, `held` and `notes` what this kind
    of goal adds to what is binding and to what must be known.
    """
    plan = work.layers.filled(best.counts)
    pruned = run.prune(work.prepared, plan)
    quality = work.judge.final(pruned.model)
    uniform = None
    if control is not None and best.family != UNIFORM:
        uniform = work.judge.final(work.layers.network(control)).change
    recovery = (offers.before_recovery(),) if run.asks_for_rounds(plan) else ()
    drawn = (passes.not_fixed(),) if work.prepared.random else ()
    limits = binding(work.layers, work.curves, best.counts, work.metric)
    return Proposal(
        kind=work.goal.kind,
        wanted=work.goal.value,
        save=work.goal.save,
        plan=plan,
        family=best.family,
        reached=reached.value,
        original=reached.original,
        interval=reached.interval,
        quality=quality,
        predicted=work.changed(best.counts),
        uniform=uniform,
        compared=-work.metric.gain(best.lost.worse) + 0.0,
        choosing=work.judge.choosing,
        saved_parameters=_saved(work, "parameters", best.counts),
        saved_macs=_saved(work, "macs", best.counts),
        binding=tuple(map(str, (*held, *limits))),
        notes=tuple(map(str, (*drawn, *notes, offers.curves_made_monotone(), *recovery))),
        evaluations=work.judge.evaluations,
        uncounted=run.uncounted(work.prepared, pruned),
    )


def chosen_note(work: Proposing) -> Fact:
    """Return on which inputs candidates were compared, and whether the judgement flatters."""
    judging = len(work.judge.data.y)
    if not work.judge.apart:
        return offers.judge_chose(judging)
    return offers.judge_only_judged(work.judge.choosing, judging)


def _saved(work: Proposing, of: str, counts: Counts) -> float:
    return 1 - work.left(of, counts) / max(work.left(of, {}), 1)
