"""Within milliseconds: measured, in turns with the original, on this machine."""

from __future__ import annotations

from collections.abc import Generator

from torch import nn

from pruneviz.allocate.budget import smallest
from pruneviz.analyses.latency_budget import FINAL_RUNS, RUNS, STEPS, surely_within
from pruneviz.measure.latency import time_pair
from pruneviz.measure.milliseconds import PassTime, Standing, pass_time
from pruneviz.network.inputs import first_input
from pruneviz.propose.finish import Candidate, Reached, chosen_note, finish
from pruneviz.propose.paths import UNIFORM, Counts, Path
from pruneviz.propose.proposal import Proposal
from pruneviz.propose.work import Proposing, SearchProgress
from pruneviz.wording import RefusedError, offers


def search(work: Proposing) -> Generator[SearchProgress, None, Proposal]:
    """Find the least of each family that is fast enough, and take what really loses least."""
    goal, ways = work.goal, work.paths()
    _check_open(work, _pair(work, work.prepared.subject.model, FINAL_RUNS)[0])
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
    best, original, taken = _confirmed(work, path, place, best)
    if not any(best.counts.values()):  # the machine was busy before, and is quicker now
        _check_open(work, original)
    held = [offers.furthest_time(work.furthest, fastest.in_words())]
    if taken.against(goal.value) is not Standing.WITHIN:
        held.insert(0, offers.too_slow_at_length(taken.against_goal(goal.value)))
    control = next(each.counts for *_, each in found if each.family == UNIFORM)
    return finish(
        work, best, Reached(taken.median, original.median, taken.interval), control,
        held=tuple(held),
        notes=(
            offers.timed_here(FINAL_RUNS),
            chosen_note(work),
        ),
    )  # fmt: skip


def check(work: Proposing, most: Counts) -> None:
    """Raise ValueError where the goal is met already, or where `most` removed is not enough."""
    _check_open(work, _pair(work, work.prepared.subject.model, RUNS)[0])
    _fastest(work, most)


def _check_open(work: Proposing, original: PassTime) -> None:
    """Raise ValueError where the original is surely within the goal."""
    if original.against(work.goal.value) is Standing.WITHIN:
        time = original.against_goal(work.goal.value)
        raise RefusedError(offers.fast_already(work.goal.said(), time))


def _fastest(work: Proposing, most: Counts) -> PassTime:
    """Return the time with as much removed as may be; ValueError where it is surely too long."""
    goal, fastest = work.goal, _pair(work, work.layers.network(most), RUNS)[1]
    if fastest.against(goal.value) is Standing.BEYOND:
        time = fastest.against_goal(goal.value)
        raise RefusedError(offers.too_slow(goal.said(), work.furthest, time, work.unlock))
    return fastest


def _least(work: Proposing, path: Path, fastest: PassTime) -> int:
    """Return the smallest part of a path, in whole percent, that seems fast enough."""
    known = {STEPS: fastest.median}

    def time_at(place: int) -> float:
        if place not in known:
            network = work.layers.network(_at(work, path, place))
            known[place] = _pair(work, network, RUNS)[1].median
        return known[place]

    place = smallest(time_at, work.goal.value, STEPS)
    return STEPS if place is None else place  # the whole path, of which it is not decided


def _confirmed(
    work: Proposing, path: Path, place: int, best: Candidate
) -> tuple[Candidate, PassTime, PassTime]:
    """Return the candidate, or one further on, with the original's time and its own at length."""
    original: list[PassTime] = []

    def time_at(place: int) -> PassTime:
        before, taken = _pair(work, work.layers.network(_at(work, path, place)), FINAL_RUNS)
        original.append(before)
        return taken

    last, taken = surely_within(time_at, work.goal.value, place)
    if last != place:
        counts = _at(work, path, last)
        best = Candidate(best.family, counts, work.judge.compared(work.layers.network(counts)))
    return best, original[-1], taken


def _at(work: Proposing, path: Path, place: int) -> Counts:
    return work.counts(path, round(place / STEPS * len(path)))


def _pair(work: Proposing, network: nn.Module, passes: int) -> tuple[PassTime, PassTime]:
    """Return the original's time and a network's, for one input, in the same turns."""
    subject = work.prepared.subject
    if work.measure is not None:
        return work.measure(subject.model, passes), work.measure(network, passes)
    pair = time_pair(subject.model, network, first_input(subject.example), passes).summary()
    return pass_time(pair.original), pass_time(pair.pruned)
