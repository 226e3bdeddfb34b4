"""Targets that are numbers in place of labels: which are, and what a split keeps in proportion."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.tasks.regression import Regression
from pruneviz.tasks.task import number_of_each_row
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import labelled

MOST_CLASSES = 20  # values with fractions of which there are no more may be names of classes


def are_numbers(values: NDArray[Any]) -> bool:
    """Say whether values are plainly no labels: fractions, of many kinds."""
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        return False
    return bool((values != np.round(values)).any()) and len(np.unique(values)) > MOST_CLASSES


def as_targets(values: NDArray[Any], where: str) -> Tensor:
    """Return numbers (N, …) as targets, whole ones int64 and others float32.

    RefusedError where some are none, or all are the same.
    """
    if values.dtype.kind not in "biuf":
        raise RefusedError(labelled.no_labels(where, values.shape, str(values.dtype)))
    if not np.isfinite(values).all():
        raise RefusedError(labelled.no_numbers(where))
    if values.size and (values == values.flat[0]).all():
        raise RefusedError(labelled.one_number(where, f"{values.flat[0]:g}"))
    kind: Any = np.float32 if values.dtype.kind == "f" else np.int64
    return torch.from_numpy(values.astype(kind))


def strata(targets: Tensor) -> NDArray[np.int64]:
    """Return numbers (N,) that a split keeps in proportion: tenths, or each row that occurs."""
    rows = targets.reshape(len(targets), -1)
    if not targets.is_floating_point():
        few = rows.shape[1] <= MOST_CLASSES
        return (number_of_each_row(rows) if few else torch.zeros(len(rows)).long()).numpy()
    return Regression().strata(targets).numpy()
