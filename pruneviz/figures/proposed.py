"""A proposal in words, for the page and the command line alike."""

from __future__ import annotations

import math

from pruneviz.figures.kit import format as fmt
from pruneviz.granularity import stays_dense
from pruneviz.measure.milliseconds import Standing, pass_time
from pruneviz.metrics import Metric, metric_of
from pruneviz.propose import GOALS, Goal, Proposal, losses
from pruneviz.propose.goal import (
    FRACTIONS,
    MEGABYTE,
    MEGABYTES,
    MILLISECONDS,
    RESOURCES,
    WORDS,
    loss_kind,
    usual_loss,
)
from pruneviz.propose.paths import TITLES
from pruneviz.report import Report, Uncounted

USUAL_TIME = 0.8  # of the original's milliseconds
# On a bar the goal stands at MARK; beyond it each doubling takes as much room as the last, so that
# a little too much and far too much are told apart.
MARK, DOUBLINGS = 0.4, 6


def amount(goal: Goal, value: float) -> str:
    """Return a number of a goal's kind with its unit: `14.2 MB`, `49.8 %`, `0.7 points`."""
    if goal.kind in FRACTIONS:
        return fmt.percent(value)
    if goal.metric is not None:
        if goal.metric.unit == "fraction":
            return fmt.points_lost(value)
        return losses.amount(goal.metric, value / goal.metric.scale)
    if goal.kind == MEGABYTES:
        return fmt.size(value * MEGABYTE)
    return fmt.milliseconds(value)


def reached_line(proposal: Proposal) -> str:
    """Return what is reached, beside the goal and the original."""
    goal = proposal.goal
    reached, original = amount(goal, proposal.reached), amount(goal, proposal.original)
    if goal.metric is not None:
        word = "parameters" if goal.save == "parameters" else "MACs"
        saved = proposal.saved_parameters if goal.save == "parameters" else proposal.saved_macs
        wanted = f"goal: at most {losses.lost(goal.metric, amount(goal, goal.value))}"
        left_out = _left_out("macs" if word == "MACs" else "", proposal.uncounted)
        return f"{fmt.percent(saved)} of the {word} go{left_out} ({wanted})"
    if proposal.time is not None:
        dense = stays_dense(proposal.plan.granularity, proposal.saved_parameters)
        time = proposal.time.against_goal(proposal.wanted, dense=dense)
        return f"the time for one input is {time}; the original took {original} in the same turns"
    wanted = f"goal: at most {amount(goal, goal.value)}"
    if goal.kind in FRACTIONS:
        of = RESOURCES[goal.kind]
        return (
            f"{reached} of the {WORDS[of]} are left{_left_out(of, proposal.uncounted)} ({wanted})"
        )
    return f"{reached}, from {original} ({wanted})"


def quality_line(proposal: Proposal) -> str:
    """Return what the metric changes by, with its interval and the number of inputs."""
    found, metric = proposal.quality, metric_of(proposal.quality)
    low, high = (fmt.signed(metric.written_alone(end)) for end in found.change_interval)
    return (
        f"{metric.noun} changes by {fmt.metric_change(metric, found.change)} ({low} to {high}, "
        f"95 %), measured on {fmt.inputs_of(found.samples, proposal.plan)}"
    )


def predicted_line(proposal: Proposal) -> str:
    """Return what the curves alone predict, and what equal parts would lose."""
    metric = metric_of(proposal.quality)
    line = f"the curves alone predict {fmt.metric_change(metric, proposal.predicted)}"
    if metric.gain(proposal.predicted) > metric.gain(proposal.quality.change):
        line += ": layers lose more together"
    if proposal.uniform is not None:
        uniform = fmt.metric_change(metric, proposal.uniform)
        cost = "cost" if metric.name == losses.ACCURACY.name else "change it by"
        line += f"; equal parts of every layer would {cost} {uniform}"
    return line


def how_line(proposal: Proposal) -> str:
    """Return which candidate won and how many evaluations it took."""
    return (
        f"chosen: {TITLES[proposal.family]}; {fmt.plural(proposal.evaluations, 'evaluation')} "
        "of all layers together"
    )


def standing(goal: Goal, report: Report, *, exact: bool = True) -> tuple[float, str]:
    """Return what part of a goal's budget a plan takes, above 1 beyond it, and how it stands."""
    if goal.kind == MILLISECONDS:
        return _standing_of_time(goal.value, report)
    now = _now(goal, report)
    about = "" if exact else f"{fmt.ABOUT} "
    of = RESOURCES.get(goal.kind, "")
    line = f"{about}{_of_what(goal, amount(goal, now))}{_left_out(of, report.uncounted)}"
    wanted = amount(goal, goal.value)
    if now <= goal.value:
        return (now / goal.value if goal.value else 0.0), f"{line}, within the goal of {wanted}"
    beyond = now / goal.value if goal.value else math.inf
    return beyond, f"{line}, {_difference(goal, now - goal.value)} more than the goal of {wanted}"


def _standing_of_time(wanted: float, report: Report) -> tuple[float, str]:
    """Return how a measured time stands; while that cannot be decided, the slow end counts."""
    time = pass_time(report.latency_ms.pruned)
    taken, found = time.median, time.against(wanted)
    if found is Standing.UNDECIDED:
        taken = time.interval[1] if time.is_narrow else 0.0
    dense = stays_dense(report.plan.granularity, report.sparsity.removed)
    return taken / wanted, time.against_goal(wanted, dense=dense)


def place(share: float) -> float:
    """Return where on a bar from 0 to 1 a `share` of a goal's budget ends: even up to the goal."""
    if share <= 1:
        return MARK * max(share, 0.0)
    return min(1.0, MARK + (1 - MARK) * min(math.log2(share), DOUBLINGS) / DOUBLINGS)


def marks() -> list[tuple[float, str]]:
    """Return the places of a bar that have a name, with their names: the goal and its multiples."""
    multiples = [2**each for each in range(DOUBLINGS + 1)]
    return [(place(each), "goal" if each == 1 else f"{each}×") for each in multiples]


def _of_what(goal: Goal, amount: str) -> str:
    if goal.metric is not None:
        return losses.lost(goal.metric, amount)
    left = f" of the {WORDS[RESOURCES[goal.kind]]} left" if goal.kind in FRACTIONS else ""
    return f"{amount}{left}"


def _left_out(of: str, uncounted: Uncounted) -> str:
    """Return what MACs leave out, in brackets; "" for what else is counted."""
    words = uncounted.in_words() if of == "macs" else ""
    return f" ({words})" if words else ""


def _difference(goal: Goal, difference: float) -> str:
    """Return by how much a goal is missed; parts of a whole differ by points."""
    return fmt.points_lost(100 * difference) if goal.kind in FRACTIONS else amount(goal, difference)


def _now(goal: Goal, report: Report) -> float:
    """Return a report's number of the goal's kind, in the goal's unit."""
    if goal.metric is not None:
        return _lost(goal.metric, report)
    counted = {"macs": report.macs, "parameters": report.parameters, "bytes": report.bytes}
    found = counted[RESOURCES[goal.kind]]
    return goal.measured(found.pruned, max(found.original, 1))


def _lost(metric: Metric, report: Report) -> float:
    """Return how much worse a report's networks are by a metric, in the unit it is written in."""
    found = next((pair for pair in report.quality if pair.metric == metric.name), None)
    return max(-metric.scale * metric.gain(found.change), 0.0) + 0.0 if found else 0.0


def usual(kind: str, report: Report) -> Goal:
    """Return a goal of a kind to begin with: half of what the original has, or a usual loss.

    Of the time it is a smaller part that goes: much of it is spent however little is left.
    """
    pair = report.primary
    if pair is not None and kind == loss_kind(metric_of(pair)):
        return usual_loss(metric_of(pair), pair.original)
    if kind == MEGABYTES:
        return Goal(kind, float(f"{report.bytes.original / MEGABYTE / 2:.2g}"))
    if kind == MILLISECONDS and report.latency_ms.original.runs:
        return Goal(kind, float(f"{report.latency_ms.original.median * USUAL_TIME:.2g}"))
    return Goal(kind, GOALS[kind].usual)


__all__ = [
    "amount",
    "how_line",
    "marks",
    "place",
    "predicted_line",
    "quality_line",
    "reached_line",
    "standing",
    "usual",
]
