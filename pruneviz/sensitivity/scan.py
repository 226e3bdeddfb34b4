"""The exact scan: every layer at every level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from pruneviz.allocate import Ranking
from pruneviz.apply import apply
from pruneviz.granularity.units import Units
from pruneviz.measure.quality import ACCURACY, label_logits
from pruneviz.metrics import Metric
from pruneviz.metrics.resampling import FEW
from pruneviz.network.inputs import Batch, some
from pruneviz.reuse import BUDGET_BYTES, Evaluator
from pruneviz.reuse.tensors import share
from pruneviz.sensitivity.classes import class_table, no_area
from pruneviz.sensitivity.judge import Judge
from pruneviz.sensitivity.layers import Alone, Remove
from pruneviz.sensitivity.metrics import point_metric
from pruneviz.sensitivity.points import (
    LEVELS,
    Point,
    check_levels,
    columns_of,
    table_of,
    unmeasured,
)
from pruneviz.sensitivity.refit import Refit, refit_notes, refitted
from pruneviz.stepwise import State
from pruneviz.subjects.subject import Groups
from pruneviz.tasks import CLASSIFICATION, Answers, Task
from pruneviz.wording import Fact, RefusedError, scanned
from pruneviz.wording.refusals import analysing


class Scan:
    """A sensitivity scan that advances one point at a time, so that it can be shown and stopped.

    It asks what each layer could lose alone, so a plan's amounts and locks play no part in it. What
    a cut leaves as it was is not computed again; every number is that of a plain pass.
    """

    def __init__(
        self,
        model: nn.Module,
        units: tuple[Units, ...],
        ranking: Ranking,
        x: Batch,
        y: Tensor,
        levels: Sequence[float] = LEVELS,
        budget_bytes: int = BUDGET_BYTES,
        classes: Sequence[str] = (),
        refit: Refit | None = None,
        remove: Remove = apply,
        task: Task = CLASSIFICATION,
        metrics: Sequence[Metric] = (ACCURACY,),
        groups: Groups | None = None,
    ) -> None:
        """Plan the points, every layer at every level; `x`, `y` (N, …) are held-out data.

        `budget_bytes` bounds the activations that are kept. `classes` are the names of what the
        network answers, `task` says what it is for, `metrics` by what it is judged, the first one
        also in each of the `groups` of inputs. `remove` makes the networks; `refit` is done to each
        before it is looked at, and to the original that they are compared with. ValueError where
        levels do not rise.
        """
        self.levels = check_levels(levels)
        self._alone = Alone(model, units, ranking, some(x, slice(2)), remove)
        self._model, self._x, self._y, self._budget_bytes = model, x, y, budget_bytes
        self._classes, self._refit = tuple(classes), refit
        self._task, self._metrics, self._groups = task, tuple(metrics), groups or {}
        self._columns = columns_of(
            (each.name for each in metrics), labelled=task.labelled, grouped=bool(self._groups)
        )
        self._open = [(layer.name, level) for layer in units for level in self.levels]
        self.total = len(self._open)
        self.rows: list[Point] = []
        self._why: dict[tuple[str, float], str] = {}  # points that could not be measured
        self._held: dict[str, bool] = {}  # whether the budget holds what a layer's levels reuse
        self._ahead: dict[tuple[str, float], Answers] = {}  # those of points to come

    @cached_property
    def evaluator(self) -> Evaluator:
        """Return what evaluates the points; nothing is computed before the first one."""
        original = refitted(self._model, self._refit)
        budget, task = self._budget_bytes, self._task
        return Evaluator(original, self._x, self._y, budget_bytes=budget, task=task)

    @cached_property
    def _judge(self) -> Judge:
        original = self.evaluator.original_answers()
        judged = self._classes, self._task, self._metrics, self._groups
        return Judge(original, self._y, *judged)

    @cached_property
    def baseline(self) -> Point:
        """Return the point that all are compared with: the original's, at sparsity 0."""
        return self._judge.baseline

    @property
    def by_class(self) -> bool:
        """Return whether the accuracy of each class is measured: where inputs have one label."""
        return self._task.labelled

    @property
    def notes(self) -> tuple[Fact, ...]:
        """Return what the reader must know of how it was computed."""
        missing = []
        lost = [(row.layer, row.sparsity) for row in self.rows if not row.known]
        if lost:
            first = f"layer {lost[0][0]} at {lost[0][1]:g}"
            missing = [scanned.unmeasured(first, self._why.get(lost[0], ""), len(lost) - 1)]
        return (*refit_notes(self._refit), *self._unknown, *self.evaluator.notes, *missing)

    @cached_property
    def _unknown(self) -> tuple[Fact, ...]:
        """Return which numbers and intervals these inputs are too few for."""
        few = [scanned.widest(FEW)] if self._widest() else []
        if not self._task.labelled:
            return tuple(few)
        if len(self._y) < FEW:
            few.append(scanned.no_interval(FEW))
        samples = torch.bincount(self._y, minlength=len(self._numbers()))
        why = no_area(samples.tolist(), self._classes)
        return (*few, scanned.no_auroc(why)) if why else tuple(few)

    def _widest(self) -> bool:
        """Return whether inputs are so few that some metric's interval holds all that can be."""
        if len(self._y) >= FEW:
            return False
        found = dict(self.baseline.others)
        chosen = [point_metric(each) for each in self._metrics if each.name in found]
        return any(
            (found[each.low], found[each.high]) == (each.metric.least, each.metric.most)
            for each in chosen
        )

    @property
    def done(self) -> int:
        """Return how many points are measured."""
        return len(self.rows)

    @property
    def finished(self) -> bool:
        """Return whether every point is measured."""
        return self.done >= self.total

    @property
    def sentence(self) -> str:
        """Return which layer was measured last."""
        return f"layer {self.rows[-1].layer}" if self.rows else ""

    def step(self) -> Point:
        """Measure and return the next point; one whose cut does not hold has no numbers.

        A layer whose values the budget does not hold takes as long as all its levels at its first,
        and no time at the others.
        """
        name, level = self._open[self.done]
        answers = self._answers(name, level)
        point = (
            unmeasured(name, level, len(self._y))
            if answers is None
            else self._judge.point(name, level, answers)
        )
        self.rows.append(point)
        return point

    def _pruned(self, name: str, level: float) -> nn.Module | None:
        """Return the network of a point, None where its cut does not hold."""
        try:
            network = self._alone.pruned(name, level, self.levels[-1])
        except ValueError as error:
            self._why[name, level] = str(error)
            return None
        return refitted(network, self._refit)

    def _answers(self, name: str, level: float) -> Answers | None:
        """Return a point's answers; with them those of the layer's other levels, where need be.

        Where the budget does not hold what a level could reuse of the one before, all levels look
        at one batch, then at the next.
        """
        if (name, level) not in self._ahead:
            first = self._pruned(name, level)
            if first is None:
                return None
            if name not in self._held:
                self._held[name] = self.evaluator.holds(first)
            if self._held[name]:
                return self.evaluator.answers(first)
            networks = {(name, level): first}
            for point in self._open[self.done + 1 :]:
                network = self._pruned(*point) if point[0] == name else None
                if network is not None:
                    networks[point] = share(network, first)
            found = self.evaluator.answers_of(list(networks.values()))
            self._ahead = dict(zip(networks, found, strict=True))
        return self._ahead.pop((name, level))

    def state(self) -> State:
        """Return everything from which `restore` goes on."""
        return {"points": [vars(row) for row in self.rows]}

    def restore(self, state: State) -> None:
        """Take over points measured before; ValueError where they are not this scan's."""
        rows = [_point(row) for row in state["points"]]
        expected = self._open[: len(rows)]
        if [(row.layer, row.sparsity) for row in rows] != expected:
            raise RefusedError(analysing.other_points())
        self.rows, self._ahead = rows, {}

    def table(self) -> pd.DataFrame:
        """Return the points measured so far, one a row."""
        return table_of(self.rows, self._columns)

    def original_table(self) -> pd.DataFrame:
        """Return the original's point as a table."""
        return table_of([self.baseline], self._columns)

    def classes(self, classes: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the accuracy of each class at each point measured so far, one a row.

        `classes` are the names, those of the scan where none are given, else numbers.
        """
        names = list(self._classes if classes is None else classes)
        return class_table(self.rows, self._y, names or self._numbers())

    def original_classes(self) -> pd.DataFrame:
        """Return the accuracy of each class of the original that all points are compared with."""
        return class_table([self.baseline], self._y, self._classes or self._numbers())

    def _numbers(self) -> list[str]:
        logits = label_logits(self.evaluator.original_answers())
        return [str(number) for number in range(logits.shape[1])]


def _point(row: Mapping[str, Any] | Sequence[Any]) -> Point:
    """Return a point from a state; a proposal's once held it without names."""
    return Point(**row) if isinstance(row, Mapping) else Point(*row)
