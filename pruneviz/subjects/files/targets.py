"""Targets that are numbers in place of labels: which are, and what a split keeps in proportion."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pruneviz.tasks.multi_label import UNKNOWN, MultiLabel
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

    RefusedError where some are none, or all are the same; NaN among the 0 and 1 of several labels
    (N, labels) says that nobody knows.
    """
    if values.dtype.kind not in "biuf":
        raise RefusedError(labelled.no_labels(where, values.shape, str(values.dtype)))
    if not np.isfinite(values).all() and not _labels_with_gaps(values):
        raise RefusedError(labelled.no_numbers(where))
    if values.size and (values == values.flat[0]).all():
        raise RefusedError(labelled.one_number(where, f"{values.flat[0]:g}"))
    kind: Any = np.float32 if values.dtype.kind == "f" else np.int64
    return torch.from_numpy(values.astype(kind))


def _labels_with_gaps(values: NDArray[Any]) -> bool:
    """Say whether values (N, labels) are 0, 1, −1 and NaN alone."""
    known = values[~np.isnan(values)]
    return values.ndim == 2 and bool(np.isin(known, (0, 1, UNKNOWN)).all())


def are_several_labels(targets: Tensor) -> bool:
    """Say whether targets are (N, labels) of whole numbers, or gaps, that are 0, 1 or not known."""
    numbers = targets.is_floating_point() and not targets.isnan().any()
    return targets.dim() == 2 and not numbers and _labels_with_gaps(targets.numpy())


def strata(targets: Tensor) -> NDArray[np.int64]:
    """Return numbers (N,) that a split keeps in proportion: tenths, or each row that occurs."""
    rows = targets.reshape(len(targets), -1)
    if are_several_labels(targets):
        return MultiLabel().strata(rows).numpy()
    if not targets.is_floating_point():
        few = rows.shape[1] <= MOST_CLASSES
        return (number_of_each_row(rows) if few else torch.zeros(len(rows)).long()).numpy()
    return Regression().strata(targets).numpy()
