"""Metrics of answers that are numbers."""

from __future__ import annotations

from math import nan

import torch
from torch import Tensor

from pruneviz.metrics.classification import STUDENT
from pruneviz.metrics.metric import METRICS, Metric, Tally
from pruneviz.metrics.rules import Mean, OfMeans


def _rows(column: Tensor) -> Tensor:
    """Return a column as one row of numbers an input, (N,) or (N, …) → (N, outputs)."""
    return column.double().reshape(len(column), -1)


def errors_and_targets(tally: Tally) -> Tensor:
    """Return squared errors, targets and squared targets of each output, (N, 3 · outputs).

    Targets are those less their mean; NaN where they are all alike, so that none explains any.
    """
    errors, target = _rows(tally["error"]), _rows(tally["target"])
    apart = (target - target.mean(0)).where(target.amin(0) < target.amax(0), nan)
    return torch.cat([errors.square(), apart, apart.square()], 1)


def explained(means: Tensor) -> Tensor:
    """Return the share of the targets' variance that is explained, averaged over the outputs."""
    errors, targets, squares = means.chunk(3, 1)
    return (1 - errors / (squares - targets.square())).mean(1)


METRICS.add(
    Metric(
        name="mae",
        title="Mean absolute error",
        family="mean",
        sentence="How far answers are from what was asked for, on average, in the target's unit.",
        formula="mean of |answer − target|",
        source=f"Willmott and Matsuura 2005, https://doi.org/10.3354/cr030079; interval: {STUDENT}",
        better="lower",
        needs=("error",),
        implementation=Mean(lambda tally: _rows(tally["error"]).abs().mean(1)),
    )
)
METRICS.add(
    Metric(
        name="mse",
        title="Mean squared error",
        family="mean",
        sentence="How far answers are from what was asked for, squared, on average: one large "
        "error counts more than many small ones.",
        formula="mean of (answer − target)²",
        source=f"Gauss 1823; interval: {STUDENT}",
        better="lower",
        needs=("error",),
        implementation=Mean(lambda tally: _rows(tally["error"]).square().mean(1)),
    )
)
METRICS.add(
    Metric(
        name="r2",
        title="R²",
        family="function of means",
        sentence="The share of the targets' variance that the answers explain: 1 is all of it, 0 "
        "as much as their mean does, and below 0 less.",
        formula="1 − Σ (answer − target)² / Σ (target − mean)²",
        source=f"Wright 1921; interval: {STUDENT}",
        better="higher",
        least=-torch.inf,
        most=1.0,
        needs=("error", "target"),
        implementation=OfMeans(errors_and_targets, explained),
    )
)
