"""From sensitivity curves to ratios: candidates by one parameter each, the best one checked."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pandas as pd
import torch
from torch import nn

from pruneviz.measure.milliseconds import PassTime
from pruneviz.plan import Plan
from pruneviz.propose import by_count, by_loss, by_time
from pruneviz.propose.goal import MILLISECONDS, Goal
from pruneviz.propose.proposal import Proposal
from pruneviz.propose.work import SEARCHING, Proposing, SearchProgress
from pruneviz.run import Prepared
from pruneviz.sensitivity import Scan
from pruneviz.stepwise import State


def propose(
    prepared: Prepared,
    plan: Plan,
    goal: Goal,
    points: pd.DataFrame,
    measure: Callable[[nn.Module, int], PassTime] | None = None,
) -> Proposal:
    """Return ratios that reach a goal, from a sensitivity scan's points, checked by an evaluation.

    `measure` times so many passes of a network; by default in turns with the original's.
    ValueError says why a goal cannot be reached, and what can.
    """
    steps = proposing(Proposing(prepared, plan, goal, points, measure))
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            found: Proposal = ended.value
            return found


def proposing(work: Proposing) -> Generator[SearchProgress, None, Proposal]:
    """Do what `propose` does step by step, so that it can be shown and stopped."""
    search = by_time.search if work.goal.kind == MILLISECONDS else by_count.search
    with torch.no_grad():
        yield from work.read()
        return (yield from (by_loss.search if work.goal.metric else search)(work))


def check(work: Proposing, last: float) -> None:
    """Raise ValueError where no curve that ends at level `last` can lead to the goal.

    So a goal that is met already, or out of reach, is refused before a long scan.
    """
    with torch.no_grad():
        most = work.most(last)
        if work.goal.metric is None:
            (by_time if work.goal.kind == MILLISECONDS else by_count).check(work, most)


class ProposalSearch:
    """A sensitivity scan where the curves are missing, then the search, a step at a time."""

    def __init__(
        self,
        prepared: Prepared,
        plan: Plan,
        goal: Goal,
        curves: Scan | pd.DataFrame,
        keep: Callable[[Scan], None] = lambda _: None,
    ) -> None:
        """Plan the work; `curves` is a scan to finish, or the points of a finished one.

        `keep` is given the scan once it is finished, for others who need it.
        """
        self._prepared, self._plan, self._goal, self._keep = prepared, plan, goal, keep
        self._scan = curves if isinstance(curves, Scan) else None
        self._before = self._scan.total if self._scan else 0
        self._stage = SearchProgress(0, self._before + len(prepared.units) + SEARCHING, "")
        self._steps = self._search(curves)
        self._found: Proposal | None = None

    @property
    def total(self) -> int:
        """Return how many steps there are, about."""
        return self._stage.total

    @property
    def done(self) -> int:
        """Return how many steps are done."""
        return self._stage.done

    @property
    def finished(self) -> bool:
        """Return whether ratios are found."""
        return self._found is not None

    @property
    def sentence(self) -> str:
        """Return what was done last."""
        return self._stage.sentence

    def step(self) -> None:
        """Measure a point, or go on with the search; ValueError where the goal is out of reach."""
        try:
            self._stage = next(self._steps)
        except StopIteration as ended:
            self._found = ended.value

    def state(self) -> State:
        """Return the points of the scan; the search is quick, and begins anew."""
        return self._scan.state() if self._scan else {}

    def restore(self, state: State) -> None:
        """Take over points measured before; ValueError where they are not this scan's."""
        if self._scan:
            self._scan.restore(state)

    def result(self) -> Proposal:
        """Return what was found."""
        if self._found is None:
            raise ValueError("the search is not finished: step it until it is")
        return self._found

    def _search(self, curves: Scan | pd.DataFrame) -> Generator[SearchProgress, None, Proposal]:
        given = self._prepared, self._plan, self._goal
        if isinstance(curves, Scan):
            check(Proposing(*given, curves.table()), curves.levels[-1])
            while not curves.finished:
                point = curves.step()
                yield SearchProgress(curves.done, self.total, f"curve of layer {point.layer}")
            self._keep(curves)
            curves = curves.table()
        steps = proposing(Proposing(*given, curves))
        while True:
            try:
                stage = next(steps)
            except StopIteration as ended:
                found: Proposal = ended.value
                return found
            yield SearchProgress(
                self._before + stage.done, self._before + stage.total, stage.sentence
            )


__all__ = ["ProposalSearch", "Proposing", "SearchProgress", "propose", "proposing"]
