"""The interval of a mean whose values are a few that are known."""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pruneviz.metrics.statistics import CONFIDENCE

Floats = NDArray[np.float64]
OUTCOMES = np.arange(-2.0, 3.0)
HALVINGS = 50  # of where the tilt may lie: past what a float tells apart


def mean_interval(counts: ArrayLike, looks: int = 1) -> tuple[Floats, Floats]:
    """Return between which values the means of inputs lie of which `counts` had each outcome.

    Counts are (…, 5), of the outcomes −2 to 2, one input at least; low and high are (…). A value
    lies inside where some distribution of these outcomes, also of those that no input had, has it
    as its mean and makes the counts at most 2 `looks`/5 % times less likely than their own shares
    do: empirical likelihood (Owen 1988, https://doi.org/10.1093/biomet/75.2.237) that counts on the
    ends of the range (Honda and Takemura 2010). How much less likely is too much is Chernoff's
    bound, not the χ² that only many inputs follow: it is sure of two outcomes, and of more it held
    in every simulation. Of so many `looks` each has 1 − 5 %/looks, so that all hold together with
    95 % (Bonferroni; Dunn 1961, https://doi.org/10.1080/01621459.1961.10482090).
    """
    limit = log(2 * looks / (1 - CONFIDENCE))
    given = np.asarray(counts, dtype=float)
    return _lowest(given, limit), -_lowest(given[..., ::-1], limit)


def _lowest(counts: Floats, limit: float) -> Floats:
    """Return the lowest mean that is likely enough, (…, 5) → (…).

    The likeliest shares of a lower mean are the counts over 1 + tilt · outcome, tilt up to ½; what
    is lower than those can be is so by a share of −2, which no input had.
    """
    size = counts.sum(-1)
    inside, outside = np.zeros(size.shape), np.full(size.shape, 0.5)
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        likely = _tilted(counts, middle)[0] <= limit
        inside, outside = np.where(likely, middle, inside), np.where(likely, outside, middle)
    spent, mean = _tilted(counts, inside)
    unseen = np.where(counts[..., 0] > 0, 0.0, -np.expm1(-np.maximum(limit - spent, 0) / size))
    lowest: Floats = (1 - unseen) * mean + unseen * OUTCOMES[0]
    return lowest


def _tilted(counts: Floats, tilt: Floats) -> tuple[Floats, Floats]:
    """Return by how much, in log, tilted shares make the counts less likely, and their mean."""
    scale = 1 + tilt[..., None] * OUTCOMES
    weights, size = counts / scale, counts.sum(-1)
    total = weights.sum(-1)
    less = (counts * np.log(scale)).sum(-1) + size * np.log(total / size)
    return less, (weights * OUTCOMES).sum(-1) / total
