"""Intervals by resampling the inputs: the bootstrap, all resamples at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import nan, sqrt

import torch
from scipy.stats import norm, t
from torch import Tensor

from pruneviz.metrics.statistics import CONFIDENCE
from pruneviz.report import Interval

RESAMPLES, FEWEST = 500, 200
WEIGHTS = 20_000_000  # of all resamples together; of more inputs fewer resamples are drawn
SEED = 0
FEW = 10  # inputs; of fewer, resamples say too little for an interval
TAIL = (1 - CONFIDENCE) / 2


@lru_cache(maxsize=2)
def resampled(samples: int) -> Tensor:
    """Return how often each resample draws each input, (N, resamples) float32.

    The draws are seeded, so that all points of a scan are judged on the same resamples.
    """
    count = max(FEWEST, min(RESAMPLES, WEIGHTS // samples))
    generator = torch.Generator().manual_seed(SEED)
    drawn = torch.randint(samples, (samples, count), generator=generator)
    return torch.zeros(samples, count).scatter_add_(0, drawn, torch.ones(samples, count))


def number(value: float) -> float:
    """Return a number; one that is none as the one NaN that is equal to itself in a tuple."""
    return nan if value != value else float(value)


def between(drawn: Tensor, tail: float) -> Interval:
    """Return between which values resampled ones lie but for this share at either end."""
    low, high = drawn.double().nanquantile(torch.tensor([tail, 1 - tail], dtype=torch.double))
    return number(float(low)), number(float(high))


def widened(samples: int) -> float:
    """Return what share to leave out at either end, less than 2.5 % where the inputs are few.

    So far as Student's t reaches (Hesterberg 2015, https://doi.org/10.1080/00031305.2015.1089789).
    """
    wide = float(t.isf(TAIL, samples - 1)) * sqrt(samples / (samples - 1))
    return float(norm.sf(wide))


def mean_intervals(values: Tensor) -> list[Interval]:
    """Return the 95 % interval of the mean over the inputs of each row of values, (rows, N).

    By the bootstrap of Student's t, which also follows skewed values (DiCiccio and Efron 1996,
    https://doi.org/10.1214/ss/1032280214); it ends at the least and largest value seen. NaN where
    there are fewer than 10 inputs, or a value is not finite.
    """
    known = values.isfinite().all(1)
    found = torch.full((len(values), 2), nan, dtype=torch.double)
    if values.shape[1] >= FEW and known.any():
        found[known] = _student_intervals(values[known].double())
    return [(number(low), number(high)) for low, high in found.tolist()]


def _student_intervals(values: Tensor) -> Tensor:
    """Return low and high, (rows, 2), of the means of finite rows of 10 values or more."""
    mean, weights = values.mean(1, keepdim=True), resampled(values.shape[1]).double()
    apart = values - mean
    spread = apart.square().mean(1, keepdim=True).sqrt()
    shifts = apart @ weights / values.shape[1]
    squares = apart.square() @ weights / values.shape[1] - shifts.square()
    # of one value drawn over and over, what is left is rounding, and the ratio has no limit
    spreads = squares.clamp_min(0).sqrt() * (squares > (1e-9 * spread).square())
    ratios = (shifts / spreads).where(shifts != 0, 0.0)
    least = ratios.quantile(TAIL, 1, keepdim=True, interpolation="lower")
    most = ratios.quantile(1 - TAIL, 1, keepdim=True, interpolation="higher")
    ends = torch.cat([mean - most * spread, mean - least * spread], 1)
    return ends.clamp(values.amin(1, keepdim=True), values.amax(1, keepdim=True))


def interval_of_means(columns: Tensor, function: Callable[[Tensor], Tensor]) -> Interval:
    """Return the 95 % interval of a smooth function of the means of columns, (N, k).

    `function` takes means (rows, k) to numbers (rows,). By the bootstrap of Student's t, as for a
    mean alone; how much each resample varies follows from the function's slope there (the delta
    method; DiCiccio and Efron 1996, https://doi.org/10.1214/ss/1032280214). NaN where there are
    fewer than 10 inputs, or the number is not finite; an end may be infinite.
    """
    samples = len(columns)
    if samples < FEW:
        return nan, nan
    weights, apart = resampled(samples).double(), columns - columns.mean(0)
    means = torch.cat([columns.mean(0, keepdim=True), weights.T @ columns / samples])
    values, slopes = _sloped(function, means)
    moves = apart @ slopes.T  # (N, 1 + resamples): how far each input moves the number
    weights = torch.cat([torch.ones(samples, 1, dtype=torch.double), weights], 1)
    shifts = (moves * weights).sum(0) / samples
    spreads = ((moves.square() * weights).sum(0) / samples - shifts.square()).clamp_min(0).sqrt()
    value, spread = values[0], spreads[0]
    if not bool(value.isfinite() & spread.isfinite()):
        return nan, nan
    if not spread > 1e-12 * value.abs():
        return float(value), float(value)
    ratios = ((values - value) / spreads.where(spreads > 1e-9 * spread, 0.0))[1:]
    least = ratios.nanquantile(TAIL, interpolation="lower")
    most = ratios.nanquantile(1 - TAIL, interpolation="higher")
    return number(float(value - most * spread)), number(float(value - least * spread))


def _sloped(function: Callable[[Tensor], Tensor], means: Tensor) -> tuple[Tensor, Tensor]:
    """Return the function at each row of means, (rows,), and its slopes there, (rows, k)."""
    with torch.inference_mode(False), torch.enable_grad():
        places = means.clone().requires_grad_()
        values = function(places)
        (slopes,) = torch.autograd.grad(values.sum(), places)
    return values.detach(), slopes
