"""Intervals of proportions, and of how proportions of the same inputs change."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pruneviz.report import Interval

CONFIDENCE = 0.95
DEVIATIONS = float(norm.ppf(0.5 + CONFIDENCE / 2))
Floats = NDArray[Any]


def wilson(correct: int, n: int) -> Interval:
    """Return the 95 % score interval of a proportion (Wilson 1927); (0, 1) without samples."""
    low, high = wilsons(np.array([correct]), np.array([n]))
    return float(low[0]), float(high[0])


def wilsons(correct: Floats, samples: Floats, z: float = DEVIATIONS) -> tuple[Floats, Floats]:
    """Return the score intervals of many proportions, low and high, in the counts' shape.

    They reach `z` standard deviations to either side, at first 95 %. In the form of Newcombe 1998,
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857.
    """
    n = np.maximum(samples, 1)
    p, size = correct / n, 2 * (n + z**2)
    centre = (2 * n * p + z**2) / size
    half = z / size * np.sqrt(4 * n * p * (1 - p) + z**2)
    seen = samples > 0
    # the bound of none is 0 and that of all is 1, which no rounding may miss
    low = np.where(seen & (correct > 0), centre - half, 0.0)
    return low, np.where(seen & (correct < samples), centre + half, 1.0)


def paired_change(gained: int, lost: int, n: int) -> tuple[float, Interval]:
    """Return the change of a proportion measured twice on the same `n` samples, and its interval.

    `gained` samples turned right and `lost` turned wrong. The 95 % interval is the adjusted Wald
    interval for matched pairs: half a sample is added to each of the four outcomes (Agresti and Min
    2005, https://doi.org/10.1002/sim.1781).
    """
    if n == 0:
        return 0.0, (-1.0, 1.0)
    size = n + 2
    centre = (gained - lost) / size
    spread = ((gained + lost + 1) / size - centre**2) / size
    half = DEVIATIONS * sqrt(max(spread, 0.0))
    return (gained - lost) / n, (max(-1.0, centre - half), min(1.0, centre + half))


def mean_share(correct: Floats, samples: Floats) -> Interval:
    """Return the 95 % interval of the mean of proportions, (groups,), each of some samples.

    Wilson's in each group, narrower so that all together reach as far as their mean does (Yan and
    Su 2010, Statistics in Biopharmaceutical Research 2). How much each varies is taken at the
    centre of its own interval, where also a group that is answered without an exception varies.
    """
    size = samples + DEVIATIONS**2
    centre = (correct + DEVIATIONS**2 / 2) / size
    spread = centre * (1 - centre) / size
    narrower = DEVIATIONS * sqrt(spread.sum()) / np.sqrt(spread).sum()
    low, high = wilsons(correct, samples, narrower)
    return float(low.mean()), float(high.mean())


def mean_change(gained: Floats, lost: Floats, samples: Floats) -> tuple[float, Interval]:
    """Return the mean change of proportions, (groups,), on the same samples, and its interval.

    Of one group it is `paired_change`; of more they share what that adds to each outcome.
    """
    groups = len(samples)
    size = samples + 2 / groups
    centres = (gained - lost) / size
    spreads = ((gained + lost + 1 / groups) / size - centres**2) / size
    centre, half = float(centres.mean()), DEVIATIONS * sqrt(spreads.sum()) / groups
    change = float(((gained - lost) / samples).mean())
    # what is added pulls towards 0, in small groups by more than their changes vary
    low, high = min(change, centre - half), max(change, centre + half)
    return change, (max(-1.0, low), min(1.0, high))
