"""What each layer can lose: accuracy when one layer alone is pruned, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import Tensor, nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import apply
from pruneviz.evaluate import predict
from pruneviz.granularity.units import Units
from pruneviz.measure.quality import wilson
from pruneviz.plan import Plan
from pruneviz.proof import prove

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
COLUMNS = ["layer", "sparsity", "accuracy", "low", "high", "samples"]


@dataclass(frozen=True)
class Point:
    """Accuracy (fraction correct of `samples`) with one layer pruned, and its 95 % interval."""

    layer: str
    sparsity: float
    accuracy: float
    low: float
    high: float
    samples: int


class Scan:
    """A sensitivity scan that advances one point at a time, so that it can be shown and stopped.

    It asks what each layer could lose alone, so a plan's amounts and locks play no part in it.
    """

    def __init__(
        self,
        model: nn.Module,
        units: tuple[Units, ...],
        ranking: Ranking,
        x: Tensor,
        y: Tensor,
        levels: Sequence[float] = LEVELS,
    ) -> None:
        """Plan the points, every layer at every level; `x` (N, …), `y` (N,) are held-out data."""
        self._model, self._units, self._ranking = model, units, ranking
        self._x, self._y = x, y
        self._open = [(layer.name, level) for layer in units for level in levels]
        self.total = len(self._open)
        self.rows: list[Point] = []

    @property
    def done(self) -> int:
        """Return how many points are measured."""
        return len(self.rows)

    @property
    def finished(self) -> bool:
        """Return whether every point is measured."""
        return self.done >= self.total

    def step(self) -> Point:
        """Measure and return the next point; ValueError where that cut does not hold."""
        name, level = self._open[self.done]
        plan = Plan(scope="layer", layers={name: level})
        keep = allocate(self._units, self._ranking, plan).keep
        applied = apply(self._model, self._units, keep)
        prove(applied, self._x[:2])
        logits = predict(applied.model, self._x)
        correct = int((logits.argmax(1) == self._y).sum())
        low, high = wilson(correct, len(self._y))
        point = Point(name, level, correct / len(self._y), low, high, len(self._y))
        self.rows.append(point)
        return point

    def restore(self, rows: Sequence[Point]) -> None:
        """Take over points measured before; ValueError where they are not this scan's."""
        expected = self._open[: len(rows)]
        if [(row.layer, row.sparsity) for row in rows] != expected:
            raise ValueError("its points belong to another scan")
        self.rows = list(rows)

    def table(self) -> pd.DataFrame:
        """Return the points measured so far, one a row."""
        return pd.DataFrame([vars(point) for point in self.rows], columns=COLUMNS)


def read_points(path: Path) -> pd.DataFrame:
    """Return the points of a file that a scan's table was written to; none where it is not there.

    ValueError where the file is damaged.
    """
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    try:
        # A layer may be called 0 or NA, and is a name all the same.
        table = pd.read_csv(path, dtype={"layer": str}, keep_default_na=False)
    except (ValueError, OSError) as error:
        raise ValueError(f"'{path.name}' cannot be read: {error}; scan again") from error
    if list(table.columns) != COLUMNS:
        raise ValueError(f"'{path.name}' is damaged: it lacks columns; scan again")
    return table
