"""From sensitivity curves to ratios: candidates by one parameter each, the best one checked."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pandas as pd
import torch
from torch import nn

from pruneviz.measure.milliseconds import PassTime
from pruneviz.plan import Plan
from pruneviz.propose import by_accuracy, by_count, by_time
from pruneviz.propose.goal import ACCURACY, MILLISECONDS, Goal
from pruneviz.propose.proposal import Proposal
from pruneviz.propose.work import SEARCHING, Proposing, Stage
from pruneviz.run import Prepared
from pruneviz.sensitivity import Scan


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


def proposing(work: Proposing) -> Generator[Stage, None, Proposal]:
    """Do what `propose` does step by step, so that it can be shown and stopped."""
    search = {ACCURACY: by_accuracy.search, MILLISECONDS: by_time.search}
    with torch.no_grad():
        yield from work.read()
        return (yield from search.get(work.goal.kind, by_count.search)(work))


def check(work: Proposing, last: float) -> None:
    """Raise ValueError where no curve that ends at level `last` can lead to the goal.

    So a goal that is met already, or out of reach, is refused before a long scan.
    """
    checks = {ACCURACY: lambda *_: None, MILLISECONDS: by_time.check}
    with torch.no_grad():
        checks.get(work.goal.kind, by_count.check)(work, work.most(last))


def with_curves(
    prepared: Prepared,
    plan: Plan,
    goal: Goal,
    curves: Scan | pd.DataFrame,
    keep: Callable[[Scan], None] = lambda _: None,
) -> Generator[Stage, None, Proposal]:
    """Finish a sensitivity scan, unless `curves` are its points already, and propose.

    `keep` is given the scan once it is finished, for others who need it.
    """
    before = 0
    if isinstance(curves, Scan):
        check(Proposing(prepared, plan, goal, curves.table()), curves.levels[-1])
        before = curves.total
        total = before + len(prepared.units) + SEARCHING
        while not curves.finished:
            point = curves.step()
            yield Stage(curves.done, total, f"curve of layer {point.layer}")
        keep(curves)
        curves = curves.table()
    steps = proposing(Proposing(prepared, plan, goal, curves))
    while True:
        try:
            stage = next(steps)
        except StopIteration as ended:
            found: Proposal = ended.value
            return found
        yield Stage(before + stage.done, before + stage.total, stage.sentence)


__all__ = ["Proposing", "Stage", "propose", "proposing", "with_curves"]
