"""Areas under curves of how inputs are ranked, with their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan, sqrt

import torch
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm, rankdata
from torch import Tensor
from torch.nn.functional import embedding_bag

from pruneviz.metrics.resampling import FEW, between, resampled, widened
from pruneviz.metrics.statistics import DEVIATIONS, wilson
from pruneviz.report import Interval

EDGE = 1e-9  # of an area, nearer than which it is 0 or 1
Curve = Callable[[Tensor, Tensor, Tensor], Tensor]  # (score, positive, weights) → an area a column


@dataclass(frozen=True)
class Ranking:
    """What ranks the inputs and which are positive, both (rows, N), a row for each class.

    Of two classes there is one row, the second's; of more each is against the rest.
    """

    scores: Tensor
    positive: Tensor

    def members(self) -> list[int]:
        """Return how many inputs are positive in each row."""
        found: list[int] = self.positive.sum(1).tolist()
        return found

    def drawn(self, curve: Curve, weights: Tensor) -> Tensor:
        """Return the mean area over the classes that each column of weights drew, (N, R) → (R,)."""
        rows = zip(self.scores, self.positive, strict=True)
        return torch.stack([curve(*each, weights) for each in rows]).nanmean(0)


def ranked(logits: Tensor, y: Tensor) -> Ranking | None:
    """Return how logits (N, classes) rank inputs of labels (N,); None where there is no curve.

    That is where a class has no input, there is one class only, or a logit is not a number.
    """
    scores = _scores(logits)
    counts = torch.bincount(y, minlength=logits.shape[1])
    if not len(scores) or not counts.all() or not scores.isfinite().all():
        return None
    first = logits.shape[1] - len(scores)  # of two classes the second, else all
    return Ranking(scores, torch.stack([y == first + index for index in range(len(scores))]))


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
    ranking = ranked(logits, y)
    if ranking is None:
        return nan, (nan, nan)
    areas = areas_of(ranking)
    area, samples = float(areas.mean()), len(y)
    if len(areas) == 1 or area in (0.0, 1.0):
        each = zip(areas, ranking.members(), strict=True)
        return area, _mean_ends([score_interval(float(a), n, samples - n) for a, n in each])
    if samples < FEW:
        return area, (nan, nan)
    drawn = ranking.drawn(roc_area, resampled(samples))
    return area, between(drawn, widened(samples))


def average_precision(logits: Tensor, y: Tensor) -> tuple[float, Interval]:
    """Return the area under the precision-recall curve of logits (N, classes), and its interval.

    Of two classes it is that of the second; of more the mean over the classes, each against the
    rest. The area is a sum of steps (average precision). The ends are as far from it in log odds
    (Boyd, Eng and Page 2013, https://doi.org/10.1007/978-3-642-40994-3_29), by how much resamples
    vary, of which each is a little too high. Where every positive is ranked first none says more,
    and the ends are those of so many proportions. NaN as of `auroc`; the interval also where there
    are fewer than 10 inputs.
    """
    ranking = ranked(logits, y)
    if ranking is None:
        return nan, (nan, nan)
    samples = len(y)
    area = float(ranking.drawn(precision_area, torch.ones(samples, 1)))
    if area > 1 - EDGE:
        return area, _mean_ends([wilson(n, n) for n in ranking.members()])
    if samples < FEW:
        return area, (nan, nan)
    drawn = ranking.drawn(precision_area, resampled(samples))
    spread = float(drawn[drawn.isfinite()].std()) / (area * (1 - area))
    reach = float(norm.isf(widened(samples))) * spread
    return area, (float(expit(logit(area) - reach)), float(expit(logit(area) + reach)))


def _mean_ends(ends: list[Interval]) -> Interval:
    low, high = zip(*ends, strict=True)
    return sum(low) / len(low), sum(high) / len(high)


def score_interval(area: float, positives: int, negatives: int) -> Interval:
    """Return the 95 % score interval of an area under the ROC curve of so many inputs.

    The areas that lie no further from this one than 1.96 standard deviations of their own, by
    Hanley and McNeil 1982 with both numbers alike (Newcombe 2006, method 5,
    https://doi.org/10.1002/sim.2324).
    """
    z, half = DEVIATIONS, (positives + negatives) / 2 - 1

    def too_far(true: float) -> float:
        ties = 1 + half * ((1 - true) / (2 - true) + true / (1 + true))
        return abs(area - true) - z * sqrt(true * (1 - true) * ties / (positives * negatives))

    # at the area itself nothing is too far, at 0 and 1 everything; but the ends are their own
    low = 0.0 if area <= EDGE else float(brentq(too_far, 0.0, area - EDGE))
    return low, 1.0 if area >= 1 - EDGE else float(brentq(too_far, area + EDGE, 1.0))


def areas_of(ranking: Ranking) -> Tensor:
    """Return the area under the ROC curve of each row, by ranks (Mann and Whitney 1947)."""
    positive = ranking.positive
    ranks = torch.from_numpy(rankdata(ranking.scores.numpy(), axis=1))
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


def roc_area(score: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    """Return the area under one ROC curve for each column of weights, (N, draws) → (draws,).

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


def precision_area(score: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    """Return the average precision for each column of weights, (N, draws) → (draws,).

    That is the precision at each score of an input of the class, averaged over those inputs.
    """
    below, rest = -score[positive], -score[~positive]
    mine, rest_order = below.argsort(), rest.argsort()
    levels, counts = torch.unique_consecutive(below[mine], return_counts=True)
    up_to = torch.searchsorted(rest[rest_order], levels, right=True)
    others = (~positive).nonzero()[:, 0][rest_order][: int(up_to[-1])]
    own_of = positive.nonzero()[:, 0][mine]
    starts = torch.cat([up_to.new_zeros(1), up_to[:-1]])
    false = embedding_bag(others, weights, starts, mode="sum").cumsum(0).double()
    own = embedding_bag(own_of, weights, counts.cumsum(0) - counts, mode="sum").double()
    true = own.cumsum(0)
    return (own * true / (true + false).clamp_min(1)).sum(0) / own.sum(0)
