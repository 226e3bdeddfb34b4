"""Intervals by resampling the inputs: the percentile bootstrap, all resamples at once."""

from __future__ import annotations

from functools import lru_cache
from math import nan

import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn.functional import embedding_bag

from pruneviz.measure.quality import CONFIDENCE
from pruneviz.report import Interval

RESAMPLES, FEWEST = 500, 200
WEIGHTS = 20_000_000  # of all resamples together; of more inputs fewer resamples are drawn
SEED = 0


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


def middle(drawn: Tensor) -> Interval:
    """Return between which values the middle 95 % of resampled ones lie.

    Efron 1979, https://doi.org/10.1214/aos/1176344552.
    """
    tail = (1 - CONFIDENCE) / 2
    low, high = drawn.double().nanquantile(torch.tensor([tail, 1 - tail], dtype=torch.double))
    return number(float(low)), number(float(high))


def mean_intervals(values: Tensor) -> list[Interval]:
    """Return the 95 % interval of the mean over the inputs of each row of values, (rows, N)."""
    samples = values.shape[1]
    if not samples or not values.isfinite().all():
        return [_mean_interval(row) for row in values]
    means = values.double() @ resampled(samples).double() / samples
    return [middle(row) for row in means]


def _mean_interval(row: Tensor) -> Interval:
    """Return the interval of one row, NaN where a value of it is not finite."""
    if not len(row) or not row.isfinite().all():
        return nan, nan
    return mean_intervals(row[None])[0]


def auroc(logits: Tensor, y: Tensor) -> tuple[float, Interval]:
    """Return the area under the ROC curve of logits (N, classes), and its 95 % interval.

    Of two classes it is that of the second; of more the mean over the classes, each against the
    rest, by its probability. Ties count half. A resample's mean is over the classes that it drew.
    NaN where a class has no input, where there is one class only, or a logit is not a number.
    """
    scores = _scores(logits)
    counts = torch.bincount(y, minlength=logits.shape[1])
    if not len(scores) or not counts.all() or not scores.isfinite().all():
        return nan, (nan, nan)
    first = logits.shape[1] - len(scores)  # of two classes the second, else all
    positives = [y == first + index for index in range(len(scores))]
    drawn = [_areas(*each, resampled(len(y))) for each in zip(scores, positives, strict=True)]
    return _area(scores, torch.stack(positives)), middle(torch.stack(drawn).nanmean(0))


def _area(scores: Tensor, positive: Tensor) -> float:
    """Return the mean area over the classes of their scores and members, both (classes, N).

    By the sum of the members' ranks (Mann and Whitney 1947).
    """
    ranks = torch.from_numpy(rankdata(scores.numpy(), axis=1))
    members = positive.sum(1).double()
    above = (ranks * positive).sum(1) - members * (members + 1) / 2
    return float((above / (members * (positive.shape[1] - members))).mean())


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
