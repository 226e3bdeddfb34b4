"""Accuracy of each class at each point of a scan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pruneviz.metrics.statistics import wilsons
from pruneviz.sensitivity.points import Point
from pruneviz.sensitivity.reading import read_table

MOST_NAMED = 3  # classes without inputs that are called by name
CLASS_COLUMNS = ["layer", "sparsity", "class", "samples", "accuracy", "low", "high"]


def class_table(rows: Iterable[Point], y: Tensor, classes: Sequence[str]) -> pd.DataFrame:
    """Return one row a point and class: layer, sparsity, class, samples, accuracy, low and high.

    `low` and `high` are the 95 % interval of Wilson 1927. A class without samples has no accuracy
    (NaN), and anything is possible of it (0 to 1).
    """
    points = [point for point in rows if point.class_correct]  # the others were not measured
    names = list(classes)
    samples = torch.bincount(y, minlength=len(names)).numpy()[: len(names)]
    correct = np.array([point.class_correct[: len(names)] for point in points], dtype=float)
    correct = correct.reshape(len(points), -1)
    names, samples = names[: correct.shape[1]], samples[: correct.shape[1]]
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = np.where(samples, correct / samples, nan)
    low, high = wilsons(correct, np.broadcast_to(samples, correct.shape))
    return pd.DataFrame(
        {
            "layer": np.repeat([point.layer for point in points], len(names)),
            "sparsity": np.repeat([point.sparsity for point in points], len(names)),
            "class": names * len(points),
            "samples": np.tile(samples, len(points)),
            "accuracy": accuracy.ravel(),
            "low": low.ravel(),
            "high": high.ravel(),
        },
        columns=CLASS_COLUMNS,
    )


def no_area(samples: Sequence[int], names: Sequence[str]) -> str:
    """Return why so many inputs of each class have no AUROC; "" where every class has some.

    A class without a name in `names` is called by its number.
    """
    called = [names[k] if k < len(names) else str(k) for k in range(len(samples))]
    seen = [name for name, count in zip(called, samples, strict=True) if count]
    without = [name for name, count in zip(called, samples, strict=True) if not count]
    if not without:
        return ""
    if len(seen) == 1:
        return f"all inputs are of class {seen[0]}, and AUROC compares it with another"
    named, more = without[:MOST_NAMED], len(without) - MOST_NAMED
    last = [f"{more} more"] if more > 0 else [named.pop()] if len(named) > 1 else []
    listed = " and ".join([", ".join(named), *last])
    return (
        f"no input is of {'class' if len(without) == 1 else 'classes'} {listed}, "
        "and AUROC compares each class with the rest"
    )


def read_classes(path: Path) -> pd.DataFrame:
    """Return the classes' accuracies of a scan's file; none where it is not there.

    ValueError where the file is damaged.
    """
    return read_table(path, CLASS_COLUMNS, ("layer", "class"), needed=("sparsity", "samples"))
