"""Intervals by resampling the inputs: the bootstrap, all resamples at once."""

from __future__ import annotations

from functools import lru_cache
from math import nan, sqrt

import torch
from scipy.optimize import brentq
from scipy.stats import norm, rankdata, t
from torch import Tensor
from torch.nn.functional import embedding_bag

from pruneviz.measure.quality import CONFIDENCE
from pruneviz.report import Interval

RESAMPLES, FEWEST = 500, 200
WEIGHTS = 20_000_000  # of all resamples together; of more inputs fewer resamples are drawn
SEED = 0
EDGE = 1e-9  # of an area, nearer than which it is 0 or 1
FEW = 10  # inputs; of fewer, resamples say too little for an interval


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
    tail = (1 - CONFIDENCE) / 2
    least = ratios.quantile(tail, 1, keepdim=True, interpolation="lower")
    most = ratios.quantile(1 - tail, 1, keepdim=True, interpolation="higher")
    ends = torch.cat([mean - most * spread, mean - least * spread], 1)
    return ends.clamp(values.amin(1, keepdim=True), values.amax(1, keepdim=True))


def auroc(logits: Tensor, y: Tensor) -> tuple[float, Interval]:
    """Return the area under the ROC curve of logits (N, classes), and its 95 % interval.

    Of two classes it is that of the second, with the score interval (Newcombe 2006). Of more it is
    the mean over the classes, each against the rest, by its probability, with the percentile
    bootstrap, widened as Student's t is (Hesterberg 2015,
    https://doi.org/10.1080/00031305.2015.1089789): a resample's mean is over the classes that it
    drew. Where the classes are apart without an exception no resample says more, and the ends are
    the mean of the score intervals'. Ties count half. NaN where a class has no input, where there
    is one class only, or a logit is not a number; the interval also where fewer than 10 inputs of
    more than two classes are not apart.
    """
    scores = _scores(logits)
    counts = torch.bincount(y, minlength=logits.shape[1])
    if not len(scores) or not counts.all() or not scores.isfinite().all():
        return nan, (nan, nan)
    first = logits.shape[1] - len(scores)  # of two classes the second, else all
    positives = [y == first + index for index in range(len(scores))]
    areas = _areas_of(scores, torch.stack(positives))
    area, members = float(areas.mean()), counts[first:].tolist()
    if len(scores) == 1 or area in (0.0, 1.0):
        ends = [
            score_interval(float(a), n, len(y) - n) for a, n in zip(areas, members, strict=True)
        ]
        low, high = zip(*ends, strict=True)
        return area, (sum(low) / len(low), sum(high) / len(high))
    if len(y) < FEW:
        return area, (nan, nan)
    drawn = [_areas(*each, resampled(len(y))) for each in zip(scores, positives, strict=True)]
    return area, between(torch.stack(drawn).nanmean(0), _widened(len(y)))


def score_interval(area: float, positives: int, negatives: int) -> Interval:
    """Return the 95 % score interval of an area under the ROC curve of so many inputs.

    The areas that lie no further from this one than 1.96 standard deviations of their own, by
    Hanley and McNeil 1982 with both numbers alike (Newcombe 2006, method 5,
    https://doi.org/10.1002/sim.2324).
    """
    z, half = float(norm.ppf(0.5 + CONFIDENCE / 2)), (positives + negatives) / 2 - 1

    def too_far(true: float) -> float:
        ties = 1 + half * ((1 - true) / (2 - true) + true / (1 + true))
        return abs(area - true) - z * sqrt(true * (1 - true) * ties / (positives * negatives))

    # at the area itself nothing is too far, at 0 and 1 everything; but the ends are their own
    low = 0.0 if area <= EDGE else float(brentq(too_far, 0.0, area - EDGE))
    return low, 1.0 if area >= 1 - EDGE else float(brentq(too_far, area + EDGE, 1.0))


def _widened(samples: int) -> float:
    """Return what share to leave out at either end, less than 2.5 % where the inputs are few."""
    wide = float(t.isf((1 - CONFIDENCE) / 2, samples - 1)) * sqrt(samples / (samples - 1))
    return float(norm.sf(wide))


def _areas_of(scores: Tensor, positive: Tensor) -> Tensor:
    """Return the area of each class, (classes,), of their scores and members, (classes, N).

    By the sum of the members' ranks (Mann and Whitney 1947).
    """
    ranks = torch.from_numpy(rankdata(scores.numpy(), axis=1))
    members = positive.sum(1).double()
    above = (ranks * positive).sum(1) - members * (members + 1) / 2
    return above / (members * (positive.shape[1] - members))


def _scores(logits: Tensor) -> Tensor:
    """Return what ranks the inputs, a row for each class that is judged against the rest."""
    wide = logits.double()
    if wide.shape[1] < 2:
        return wide[:, :0].T
    if wide.shape[1] == 2:
        return (wide[:, 1] - wide[:, 0])[None]
    return wide.log_softmax(1).T


def _areas(score: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    """Return the area under one curve for each column of weights, (N, resamples) → (resamples,).

    That is the share of pairs, an input of the class and one of the rest, that are ranked right:
    the rest below each score of the class, and half of those tied with it.
    """
    mine, rest = positive.nonzero()[:, 0], (~positive).nonzero()[:, 0]
    mine, rest = mine[score[mine].argsort()], rest[score[rest].argsort()]
    levels, counts = torch.unique_consecutive(score[mine], return_counts=True)
    below = torch.searchsorted(score[rest], levels)
    up_to = torch.searchsorted(score[rest], levels, right=True)
    edges = torch.cat([below.new_zeros(1), torch.stack([below, up_to], 1).flatten()])
    others = embedding_bag(rest, weights, edges, mode="sum").cumsum(0)
    own = embedding_bag(mine, weights, counts.cumsum(0) - counts, mode="sum")
    right = (own * (others[:-1:2] + others[1::2]) / 2).sum(0)
    return right / (own.sum(0) * others[-1])
