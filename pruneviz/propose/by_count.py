"""Under a budget that is counted: parameters, MACs or bytes."""

from __future__ import annotations

from collections.abc import Generator

from pruneviz.allocate.budget import smallest
from pruneviz.propose.finish import Candidate, Reached, chosen_note, finish
from pruneviz.propose.paths import UNIFORM, Counts, Path
from pruneviz.propose.proposal import Proposal
from pruneviz.propose.work import Proposing, SearchProgress
from pruneviz.wording import RefusedError, offers


def search(work: Proposing) -> Generator[SearchProgress, None, Proposal]:
    """Find the least of each family that meets the budget, and take what really loses least."""
    goal, whole = work.goal, work.whole
    target, found = goal.target(whole), list[Candidate]()
    for path in work.paths():
        check(work, work.counts(path, len(path)))
        yield work.stage("searching the ratios that meet the budget")
        counts = least(work, path, target)
        found.append(
            Candidate(path.family, counts, work.judge.compared(work.layers.network(counts)))
        )
        yield work.stage("evaluating a candidate")
    best = min(found, key=lambda candidate: candidate.lost)
    control = next(candidate.counts for candidate in found if candidate.family == UNIFORM)
    left = work.left(goal.resource, best.counts)
    reached = Reached(goal.measured(left, whole), goal.measured(whole, whole))
    return finish(work, best, reached, control, notes=(chosen_note(work),))


def check(work: Proposing, most: Counts) -> None:
    """Raise ValueError where the goal is met already, or where `most` removed is not enough."""
    goal = work.goal
    goal.check_open(goal.measured(work.whole, work.whole))
    least_left = work.left(goal.resource, most)
    if least_left <= goal.target(work.whole):
        return
    left = goal.said(goal.measured(least_left, work.whole))
    raise RefusedError(offers.too_much_left(goal.said(), work.furthest, left, work.unlock))


def least(work: Proposing, path: Path, target: int) -> Counts:
    """Return the fewest units along a path that meet the budget, exact to one unit of a layer."""
    of = work.goal.resource
    taken = smallest(lambda k: work.left(of, work.counts(path, k)), target, len(path))
    assert taken is not None  # the whole path meets it
    counts = work.counts(path, taken)
    if not taken:
        return counts
    name, stop = path.steps[taken - 1]
    before = work.counts(path, taken - 1).get(name, 0)
    finer = work.layers.between(name, before, stop)
    place = smallest(lambda i: work.left(of, {**counts, name: finer[i]}), target, len(finer) - 1)
    return counts if place is None else {**counts, name: finer[place]}
