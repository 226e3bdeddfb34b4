"""How well each way of ranking does: the metric of the whole network, amount by amount."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd

from pruneviz import run
from pruneviz.allocate import SCOPES, decides_amount
from pruneviz.evaluate import answers
from pruneviz.measure.quality import quality
from pruneviz.metrics import METRICS
from pruneviz.plan import Part, Plan
from pruneviz.report import ACCURACY
from pruneviz.run import Prepared
from pruneviz.stepwise import State
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NUMBERS = ["low", "high", "change", "change_low", "change_high", "samples", "note"]


@dataclass(frozen=True)
class Mark:
    """A metric with a fraction of all units removed, its 95 % interval, and the paired change.

    `note` says why an amount cannot be reached; the numbers are NaN then.
    """

    sparsity: float
    value: float
    low: float
    high: float
    change: float
    change_low: float
    change_high: float
    samples: int
    note: str = ""


class MethodComparison:
    """A plan's method at each amount, one at a step, so that it can be shown and stopped."""

    def __init__(self, prepared: Prepared, plan: Plan, levels: Sequence[float] = LEVELS) -> None:
        """Plan the levels; ValueError without data, or where the scope decides the amount."""
        self.metric = prepared.subject.metrics[0]
        data, known = prepared.subject.data, prepared.baseline.answers
        if data is None or known is None:
            raise RefusedError(analysing.comparison_without_data(self.metric.noun))
        check_comparable(plan)
        self._prepared, self._plan, self._levels = prepared, comparison_plan(plan), tuple(levels)
        self._data, self._original = data, known
        self.total = len(self._levels)
        self.marks: list[Mark] = []

    @property
    def done(self) -> int:
        """Return how many levels are measured."""
        return len(self.marks)

    @property
    def finished(self) -> bool:
        """Return whether every level is measured."""
        return self.done >= self.total

    @property
    def sentence(self) -> str:
        """Return which amount was measured last."""
        return f"{self.marks[-1].sparsity:.0%} removed" if self.marks else ""

    def step(self) -> Mark:
        """Prune to the next level, evaluate, and return what was found."""
        level = self._levels[self.done]
        self.marks.append(self._mark(level))
        return self.marks[-1]

    def _mark(self, level: float) -> Mark:
        try:
            pruned = run.prune(self._prepared, self._plan.changed(sparsity=level))
        except ValueError as error:  # locks, least widths: this amount cannot be reached
            nan = float("nan")
            return Mark(level, nan, nan, nan, nan, nan, nan, len(self._data.y), str(error))
        task, data = self._prepared.subject.task, self._data
        after = answers(pruned.model, data.x, data.y, task)
        (found,) = quality(task, (self.metric,), self._original, after, data.y)
        return Mark(level, found.pruned, *found.pruned_interval, found.change,
                    *found.change_interval, found.samples)  # fmt: skip

    def state(self) -> State:
        """Return everything from which `restore` goes on."""
        return {"marks": [list(vars(mark).values()) for mark in self.marks]}

    def restore(self, state: State) -> None:
        """Take over what was measured before; ValueError where it is of other levels."""
        marks = [Mark(*row) for row in state["marks"]]
        if [mark.sparsity for mark in marks] != list(self._levels[: len(marks)]):
            raise RefusedError(analysing.other_amounts())
        self.marks = marks

    def table(self) -> pd.DataFrame:
        """Return what is measured so far, a level a row; the value goes by the metric's name."""
        rows = [list(vars(mark).values()) for mark in self.marks]
        return pd.DataFrame(rows, columns=columns(self.metric.name))


def columns(metric: str) -> list[str]:
    """Return the columns of a comparison by a metric of this name."""
    return ["sparsity", metric, *NUMBERS]


def check_comparable(plan: Plan) -> None:
    """Raise ValueError where the plan's scope decides the amount."""
    if decides_amount(plan.scope):
        raise RefusedError(analysing.scope_decides(SCOPES.get(plan.scope).title))


def comparison_plan(plan: Plan) -> Plan:
    """Return the part of a plan that decides a method's curve: no amounts and no recovery."""
    return plan.without(Part.AMOUNTS | Part.RECOVERY)


def read_marks(path: Path) -> pd.DataFrame:
    """Return the marks of a file, none where there is no such file; ValueError if damaged."""
    if not path.exists():
        return pd.DataFrame(columns=columns(ACCURACY))
    try:
        table = pd.read_csv(BytesIO(path.read_bytes()), dtype={"note": str})
    except (ValueError, OSError) as error:
        raise RefusedError(analysing.marks_unreadable(path.name, str(error))) from error
    if list(table.columns) not in [columns(metric.name) for metric in METRICS]:
        raise RefusedError(analysing.marks_lack_columns(path.name))
    return table.assign(note=table["note"].fillna(""))
