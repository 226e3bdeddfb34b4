"""Areas under curves of how inputs are ranked, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting

ALL = -1  # in place of a class: the mean over all of them
EDGE = 1e-9  # of an area, nearer than which it is 0 or 1
Curve = Callable[[Tensor, Tensor, Tensor], Tensor]  # (score, positive, weights) → an area a column


def of_each(y: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return which inputs are of each class, and of which that is known, (N, classes) bool each.

    `y` is (N,), the class of each, or (N, labels): above ½ where a label is there, below 0 where
    nobody knows.
    """
    if y.dim() == 1:
        true = y[:, None] == torch.arange(classes)
        return true, torch.ones_like(true)
    return y > 0.5, y >= 0


def can_be_judged(true: Tensor, known: Tensor) -> Tensor:
    """Return which classes some inputs are known to be of and others not, (classes,) bool."""
    return (true & known).any(0) & (~true & known).any(0)


def check_class(class_index: int, outputs: int) -> None:
    """Raise RefusedError where there is no such class."""
    if class_index >= outputs:
        raise RefusedError(cutting.no_such_class(class_index, outputs))


@dataclass(frozen=True)
class Ranking:
    """What ranks the inputs, which are positive and of which that is known, (rows, N) each.

    A row is a class: of two there is one, the second's; of more each is against the rest.
    """

    scores: Tensor
    positive: Tensor
    known: Tensor

    def rows(self) -> Iterator[tuple[Tensor, Tensor, Tensor | slice]]:
        """Yield the scores and positives of each row's known inputs, and which these are."""
        for score, positive, known in zip(self.scores, self.positive, self.known, strict=True):
            which = slice(None) if known.all() else known.nonzero()[:, 0]
            yield score[which], positive[which], which

    def members(self) -> list[tuple[int, int]]:
        """Return how many inputs are positive in each row, and how many are not."""
        return [(int(each.sum()), int((~each).sum())) for _, each, _ in self.rows()]

    def drawn(self, curve: Curve, weights: Tensor) -> Tensor:
        """Return the mean area over the classes that each column of weights drew, (N, R) → (R,)."""
        rows = [curve(score, positive, weights[which]) for score, positive, which in self.rows()]
        return torch.stack(rows).nanmean(0)


def ranked(logits: Tensor, y: Tensor, class_index: int = ALL) -> Ranking | None:
    """Return how logits (N, classes) rank inputs of labels (N,); None where there is no curve.

    That is where a class has no input, there is one class only, or a logit is not a number. Where
    each input has several labels, `y` is (N, labels), those that cannot be judged have no row.
    """
    check_class(class_index, logits.shape[1])
    scores, first = _scores(logits, y, class_index)
    true, known = (each.T[first:] for each in of_each(y, logits.shape[1]))
    if class_index != ALL:
        true, known = (each[class_index - first][None] for each in (true, known))
    seen = can_be_judged(true.T, known.T)
    if y.dim() == 2:
        scores, true, known = scores[seen], true[seen], known[seen]
    elif not seen.all():
        return None
    if not len(scores) or not scores.isfinite().all():
        return None
    return Ranking(scores, true, known)


def auroc(logits: Tensor, y: Tensor, class_index: int = ALL) -> tuple[float, Interval]:
    """Return the area under the ROC curve of logits (N, classes), and its 95 % interval.

    Labels are (N,), or (N, labels), of which each that can be judged is a class. Of two classes it
    is that of the second, and of one alone, with the score interval (Newcombe 2006). Of more it is
    the mean over the classes, each against the rest, by its probability, with the percentile
    bootstrap, widened as Student's t is (Hesterberg 2015,
    https://doi.org/10.1080/00031305.2015.1089789): a resample's mean is over the classes that it
    drew. Where the classes are apart without an exception no resample says more, and the ends are
    the mean of the score intervals'. Ties count half. NaN where a class has no input, where there
    is one class only, or a logit is not a number; the interval also where fewer than 10 inputs of
    more than two classes are not apart.
    """
    ranking = ranked(logits, y, class_index)
    if ranking is None:
        return nan, (nan, nan)
    areas = areas_of(ranking)
    area, samples = float(areas.mean()), len(y)
    if len(areas) == 1 or area in (0.0, 1.0):
        each = zip(areas, ranking.members(), strict=True)
        return area, mean_ends([score_interval(float(a), *counts) for a, counts in each])
    if samples < FEW:
        return area, (nan, nan)
    drawn = ranking.drawn(roc_area, resampled(samples))
    return area, between(drawn, widened(samples))


def average_precision(logits: Tensor, y: Tensor, class_index: int = ALL) -> tuple[float, Interval]:
    """Return the area under the precision-recall curve of logits (N, classes), and its interval.

    Of two classes it is that of the second; of more the mean over the classes, each against the
    rest. The area is a sum of steps (average precision). The ends are as far from it in log odds
    (Boyd, Eng and Page 2013, https://doi.org/10.1007/978-3-642-40994-3_29), by how much resamples
    vary, of which each is a little too high. Where every positive is ranked first none says more,
    and the ends are those of so many proportions. NaN as of `auroc`; the interval also where there
    are fewer than 10 inputs.
    """
    ranking = ranked(logits, y, class_index)
    if ranking is None:
        return nan, (nan, nan)
    samples = len(y)
    area = float(ranking.drawn(precision_area, torch.ones(samples, 1)))
    if area > 1 - EDGE:
        return area, mean_ends([wilson(n, n) for n, _ in ranking.members()])
    if samples < FEW:
        return area, (nan, nan)
    drawn = ranking.drawn(precision_area, resampled(samples))
    spread = float(drawn[drawn.isfinite()].std()) / (area * (1 - area))
    reach = float(norm.isf(widened(samples))) * spread
    return area, (float(expit(logit(area) - reach)), float(expit(logit(area) + reach)))


def mean_ends(ends: list[Interval]) -> Interval:
    """Return the mean of the low and of the high ends of intervals, one at least."""
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
    return torch.stack([_area(score, positive) for score, positive, _ in ranking.rows()])


def _area(score: Tensor, positive: Tensor) -> Tensor:
    ranks = torch.from_numpy(rankdata(score.numpy()))
    members = positive.sum().double()
    above = (ranks * positive).sum() - members * (members + 1) / 2
    return above / (members * (len(positive) - members))


def _scores(logits: Tensor, y: Tensor, class_index: int) -> tuple[Tensor, int]:
    """Return what ranks the inputs, a row for each class that is judged, and the first of these.

    Of one label an input each class is judged against the rest: of two the second alone, unless
    `class_index` says which.
    """
    wide = logits.double()
    if y.dim() == 2:
        scores = wide.T
    elif wide.shape[1] < 2:
        scores = wide[:, :0].T
    elif wide.shape[1] == 2:
        apart = wide[:, 1] - wide[:, 0]
        scores = torch.stack([-apart, apart])
    else:
        scores = wide.log_softmax(1).T
    if class_index != ALL:
        return scores[class_index : class_index + 1], 0
    first = 1 if y.dim() == 1 and wide.shape[1] == 2 else 0
    return scores[first:], first


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
