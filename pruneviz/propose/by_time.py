"""Within milliseconds: measured, in turns with the original, on this machine."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from torch import nn

from pruneviz.allocate.budget import smallest
from pruneviz.measure.latency import time_pair
from pruneviz.propose.finish import Candidate, Reached, chosen_note, finish
from pruneviz.propose.paths import UNIFORM, Counts, Path
from pruneviz.propose.proposal import Proposal
from pruneviz.propose.work import Proposing, Stage
from pruneviz.report import Interval
from pruneviz.timed import RUNS, STEPS

FINAL_RUNS = 100
MOST_AGAIN = 5  # steps further along the path, where the longer measurement is above the goal


def search(work: Proposing) -> Generator[Stage, None, Proposal]:
    """Find the least of each family that is fast enough, and take what really loses least."""
    goal, ways = work.goal, work.paths()
    goal.check_open(_at_length(work, work.prepared.subject.model).median)
    fastest = _fastest(work, _at(work, ways[0], STEPS))
    found: list[tuple[Path, int, Candidate]] = []
    for path in ways:
        yield work.stage("timing networks")
        place = _least(work, path, fastest)
        counts = _at(work, path, place)
        lost = work.judge.compared(work.layers.network(counts))
        found.append((path, place, Candidate(path.family, counts, lost)))
        yield work.stage("evaluating a candidate")
    path, place, best = min(found, key=lambda each: each[2].lost)
    yield work.stage("timing the best candidate at length")
    best, taken = _confirmed(work, path, place, best)
    if not any(best.counts.values()):  # the machine was busy before, and is quicker now
        goal.check_open(taken.median)
    held = [f"{work.furthest}, an answer takes {goal.said(fastest)}"]
    if taken.median > goal.value:
        held.insert(
            0,
            f"measured at length it takes {goal.said(taken.median)}, above the goal: ask again on "
            "an idle machine, or for less",
        )
    control = next(each.counts for *_, each in found if each.family == UNIFORM)
    return finish(
        work, best, Reached(taken.median, taken.original, taken.interval), control,
        held=tuple(held),
        notes=(
            f"timed on this machine, the median of {FINAL_RUNS} single passes in turns with the "
            "original's; what a layer saves is weighed by its MACs",
            chosen_note(work),
        ),
    )  # fmt: skip


def check(work: Proposing, most: Counts) -> None:
    """Raise ValueError where the goal is met already, or where `most` removed is not enough."""
    work.goal.check_open(_time(work, work.prepared.subject.model))
    _fastest(work, most)


def _fastest(work: Proposing, most: Counts) -> float:
    """Return the time with as much removed as may be, in ms; ValueError where it is too long."""
    goal, fastest = work.goal, _time(work, work.layers.network(most))
    if fastest > goal.value:
        raise ValueError(
            f"{goal.said()} cannot be reached: {work.furthest}, an answer takes "
            f"{goal.said(fastest)} here; allow more time{work.unlock}"
        )
    return fastest


def _least(work: Proposing, path: Path, fastest: float) -> int:
    """Return the smallest part of a path, in whole percent, that is fast enough."""
    known = {STEPS: fastest}

    def time_at(place: int) -> float:
        if place not in known:
            known[place] = _time(work, work.layers.network(_at(work, path, place)))
        return known[place]

    place = smallest(time_at, work.goal.value, STEPS)
    assert place is not None  # the whole path is fast enough
    return place


def _confirmed(
    work: Proposing, path: Path, place: int, best: Candidate
) -> tuple[Candidate, _Taken]:
    """Return the candidate with its time measured at length, a little further on where need be.

    The shortest of many short measurements is likely to be too short.
    """
    first = place
    while True:
        counts = _at(work, path, place)
        network = work.layers.network(counts)
        taken = _at_length(work, network)
        if taken.median <= work.goal.value or place >= min(STEPS, first + MOST_AGAIN):
            break
        place += 1
    if place != first:
        best = Candidate(best.family, counts, work.judge.compared(network))
    return best, taken


def _at(work: Proposing, path: Path, place: int) -> Counts:
    return work.counts(path, round(place / STEPS * len(path)))


def _time(work: Proposing, network: nn.Module) -> float:
    """Return the median time of a network's answer to one input, in ms."""
    if work.measure is not None:
        return work.measure(network)
    subject = work.prepared.subject
    return time_pair(subject.model, network, subject.example[:1], RUNS).summary().pruned.median


@dataclass(frozen=True)
class _Taken:
    """A median time in ms, its 95 % interval, and the original's at the same time."""

    median: float
    original: float
    interval: Interval | None = None


def _at_length(work: Proposing, network: nn.Module) -> _Taken:
    subject = work.prepared.subject
    if work.measure is not None:
        return _Taken(work.measure(network), work.measure(subject.model))
    pair = time_pair(subject.model, network, subject.example[:1], FINAL_RUNS).summary()
    return _Taken(pair.pruned.median, pair.original.median, pair.pruned.median_interval)
