"""Accuracy of two models on the same inputs, every proportion with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from pruneviz.report import Accuracy, Interval
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting

CONFIDENCE = 0.95
Floats = NDArray[Any]


def predicted(logits: Tensor) -> Tensor:
    """Return the class of the largest logit, (N, classes) → (N,); -1 where one is not a number."""
    return logits.argmax(1).masked_fill(logits.isnan().any(1), -1)


def wilson(correct: int, n: int) -> Interval:
    """Return the 95 % score interval of a proportion (Wilson 1927); (0, 1) without samples."""
    low, high = wilsons(np.array([correct]), np.array([n]))
    return float(low[0]), float(high[0])


def wilsons(correct: Floats, samples: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % score intervals of many proportions, low and high, in the counts' shape.

    In the form of Newcombe 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857.
    """
    z = float(norm.ppf(0.5 + CONFIDENCE / 2))
    n = np.maximum(samples, 1)
    p, size = correct / n, 2 * (n + z**2)
    centre = (2 * n * p + z**2) / size
    half = z / size * np.sqrt(4 * n * p * (1 - p) + z**2)
    seen = samples > 0
    # the bound of none is 0 and that of all is 1, which no rounding may miss
    low = np.where(seen & (correct > 0), centre - half, 0.0)
    return low, np.where(seen & (correct < samples), centre + half, 1.0)


def paired_change(gained: int, lost: int, n: int) -> tuple[float, Interval]:
    """Return the change of a proportion measured twice on the same `n` samples, and its interval.

    `gained` samples turned right and `lost` turned wrong. The 95 % interval is the adjusted Wald
    interval for matched pairs: half a sample is added to each of the four outcomes (Agresti and Min
    2005, https://doi.org/10.1002/sim.1781).
    """
    if n == 0:
        return 0.0, (-1.0, 1.0)
    size = n + 2
    centre = (gained - lost) / size
    spread = ((gained + lost + 1) / size - centre**2) / size
    half = float(norm.ppf(0.5 + CONFIDENCE / 2)) * sqrt(max(spread, 0.0))
    return (gained - lost) / n, (max(-1.0, centre - half), min(1.0, centre + half))


def accuracy_pair(logits_a: Tensor, logits_b: Tensor, y: Tensor) -> Accuracy:
    """Return the accuracies of original (a) and pruned (b) on the same inputs, and their change.

    Logits are (N, classes), labels (N,). `agreement` is the share of inputs both answer alike.
    """
    check_pair(logits_a, logits_b, y)
    first, second = predicted(logits_a), predicted(logits_b)
    samples = len(y)
    right_a, right_b = first == y, second == y
    change, change_interval = _change(right_a, right_b)
    return Accuracy(
        original=_mean(right_a),
        pruned=_mean(right_b),
        change=change,
        original_interval=wilson(int(right_a.sum()), samples),
        pruned_interval=wilson(int(right_b.sum()), samples),
        change_interval=change_interval,
        samples=samples,
        agreement=_mean(first == second),
    )


def by_class(logits_a: Tensor, logits_b: Tensor, y: Tensor, classes: Sequence[str]) -> pd.DataFrame:
    """Return one row a class: samples, both accuracies and the paired change, with intervals.

    Columns: class, samples, original, original_low, original_high, pruned, pruned_low, pruned_high,
    change, change_low, change_high. A class without samples has no accuracy (NaN).
    """
    check_pair(logits_a, logits_b, y)
    right_a, right_b = predicted(logits_a) == y, predicted(logits_b) == y
    rows = []
    for index, name in enumerate(classes):
        here = y == index
        rows.append({"class": name, **_class_row(right_a[here], right_b[here])})
    return pd.DataFrame(rows)


def _class_row(right_a: Tensor, right_b: Tensor) -> dict[str, float]:
    n = len(right_a)
    low_a, high_a = wilson(int(right_a.sum()), n)
    low_b, high_b = wilson(int(right_b.sum()), n)
    change, (low, high) = _change(right_a, right_b)
    return {
        "samples": n,
        "original": _mean(right_a),
        "original_low": low_a,
        "original_high": high_a,
        "pruned": _mean(right_b),
        "pruned_low": low_b,
        "pruned_high": high_b,
        "change": change if n else float("nan"),
        "change_low": low,
        "change_high": high,
    }


def _change(right_a: Tensor, right_b: Tensor) -> tuple[float, Interval]:
    gained, lost = int((right_b & ~right_a).sum()), int((right_a & ~right_b).sum())
    return paired_change(gained, lost, len(right_a))


def _mean(flags: Tensor) -> float:
    return int(flags.sum()) / len(flags) if len(flags) else float("nan")


def check_pair(logits_a: Tensor, logits_b: Tensor, y: Tensor) -> None:
    """Raise ValueError unless both logits are (N, classes), alike, and there are N labels."""
    if logits_a.dim() != 2 or logits_a.shape != logits_b.shape or y.shape != logits_a.shape[:1]:
        shapes = (tuple(given.shape) for given in (logits_a, logits_b, y))
        raise RefusedError(cutting.logits_of_other_shapes(*shapes))
    if len(y) and not 0 <= int(torch.min(y)) <= int(torch.max(y)) < logits_a.shape[1]:
        low, high = int(torch.min(y)), int(torch.max(y))
        raise RefusedError(cutting.labels_beyond_outputs(logits_a.shape[1], low, high))
