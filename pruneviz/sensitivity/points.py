"""What a scan measures: one point is one layer at one level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from math import nan
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div

from pruneviz.measure.quality import check_pair, paired_change, predicted, wilson

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NEEDED = ["layer", "sparsity", "accuracy", "low", "high", "samples"]  # also in older files
COLUMNS = [*NEEDED, "change", "change_low", "change_high", "loss", "kl"]


@dataclass(frozen=True)
class Point:
    """What is left with one layer pruned, on `samples` held-out inputs.

    `accuracy` is the fraction correct, `low` and `high` its 95 % interval (Wilson 1927). `change`
    is against the original on the same inputs, with the 95 % interval for matched pairs (Agresti
    and Min 2005). `loss` is the mean cross-entropy and `kl` the mean divergence of the answers from
    the original's, KL(original ‖ pruned), both in nats. `class_correct` counts by class.
    """

    layer: str
    sparsity: float
    accuracy: float
    low: float
    high: float
    samples: int
    change: float = nan
    change_low: float = nan
    change_high: float = nan
    loss: float = nan
    kl: float = nan
    class_correct: tuple[int, ...] = ()


def measured(layer: str, sparsity: float, logits: Tensor, original: Tensor, y: Tensor) -> Point:
    """Return the point of logits (N, classes), the original's, and labels (N,)."""
    check_pair(original, logits, y)
    right, before = predicted(logits) == y, predicted(original) == y
    samples, correct = len(y), int(right.sum())
    low, high = wilson(correct, samples)
    gained, lost = int((right & ~before).sum()), int((before & ~right).sum())
    change, (change_low, change_high) = paired_change(gained, lost, samples)
    found = logits.double().log_softmax(1)
    expected = original.double().log_softmax(1)
    return Point(
        layer, sparsity, correct / samples, low, high, samples, change, change_low, change_high,
        loss=float(cross_entropy(logits.double(), y)),
        kl=float(kl_div(found, expected, reduction="batchmean", log_target=True)),
        class_correct=tuple(torch.bincount(y[right], minlength=logits.shape[1]).tolist()),
    )  # fmt: skip


def table_of(rows: Iterable[Point]) -> pd.DataFrame:
    """Return points as a table, one a row."""
    return pd.DataFrame([vars(point) for point in rows], columns=COLUMNS)


def class_table(rows: Iterable[Point], y: Tensor, classes: Sequence[str]) -> pd.DataFrame:
    """Return one row a point and class: layer, sparsity, class, samples and accuracy.

    A class without samples has no accuracy (NaN).
    """
    samples = torch.bincount(y, minlength=len(classes)).tolist()
    found = [
        (point.layer, point.sparsity, name, n, correct / n if n else nan)
        for point in rows
        for name, n, correct in zip(classes, samples, point.class_correct, strict=False)
    ]
    return pd.DataFrame(found, columns=["layer", "sparsity", "class", "samples", "accuracy"])


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Return levels as they are; ValueError unless each is in (0, 1] and above the one before."""
    given = tuple(float(level) for level in levels)
    rising = all(a < b for a, b in pairwise(given))
    if not given or not rising or not (given[0] > 0 and given[-1] <= 1):
        raise ValueError(
            "levels are fractions above 0 and at most 1, each larger than the one before, "
            f"got {', '.join(f'{level:g}' for level in given) or 'none'}: sort them, each once"
        )
    return given


def read_points(path: Path) -> pd.DataFrame:
    """Return the points of a file that a scan's table was written to; none where it is not there.

    What an older file lacks is NaN. ValueError where the file is damaged.
    """
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    try:
        # A layer may be called 0 or NA, and is a name all the same.
        table = pd.read_csv(path, dtype={"layer": str}, keep_default_na=False, na_values=_missing())
    except (ValueError, OSError) as error:
        raise ValueError(f"'{path.name}' cannot be read: {error}; scan again") from error
    if list(table.columns) not in (COLUMNS, NEEDED):
        raise ValueError(f"'{path.name}' is damaged: it lacks columns; scan again")
    return table.reindex(columns=COLUMNS)


def _missing() -> dict[str, list[str]]:
    return {field.name: ["", "nan"] for field in fields(Point) if field.name != "layer"}
