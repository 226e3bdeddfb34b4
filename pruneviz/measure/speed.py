"""How much faster a pruned network is than its original: one number, one interval, one wording."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from pruneviz.report import Interval, LatencyPair

FEWEST_PASSES = 20  # of each network, below which nothing is said of their speed
WIDEST_CLAIM = 1.5  # an interval's end over its beginning; a wider one is no measurement
WIDEST_SAME = 1.25  # of an interval around 1: a wider one may hide a difference
CONFIDENCE = 0.95
# A claim needs an interval whose near end is as far from 1 as from the ratio, by logarithms: the
# same network, timed again and again, must not be called faster or slower now and then.
SURER = 2.0

AGAIN = "not measured well enough yet: measure again"
STAYS_DENSE = "the arithmetic stays dense, so no speed-up is to be expected"


class Finding(Enum):
    """What a measurement says of two networks' speed."""

    UNKNOWN = "unknown"
    SAME = "same"
    FASTER = "faster"
    SLOWER = "slower"


def speed_up(
    original_ms: NDArray[np.float64], pruned_ms: NDArray[np.float64]
) -> tuple[float, Interval]:
    """Return the median of original / pruned over the turns, (N,) each, with its 95 % interval.

    Both networks of a turn see the same machine, so its load cancels. The interval lies between
    two order statistics (the sign test's): it holds for any distribution of independent turns.
    Fewer than six turns have no such interval: there it is their range.
    """
    ratios = np.sort(original_ms / pruned_ms)
    # how many of the turns lie beyond each end, the end itself among them
    beyond = max(1, int(binom.ppf((1 - CONFIDENCE) / 2, len(ratios), 0.5)))
    return float(np.median(ratios)), (float(ratios[beyond - 1]), float(ratios[-beyond]))


@dataclass(frozen=True)
class Speed:
    """How many times as fast as its original a network is, with its 95 % interval, of `passes`."""

    ratio: float
    interval: Interval
    passes: int

    @property
    def finding(self) -> Finding:
        """Return what was found: unknown where passes are too few or too far apart.

        A difference is claimed where the interval keeps off 1 by as much as it is wide that way.
        """
        low, high = self.interval
        if self.passes < FEWEST_PASSES or not 0 < low <= self.ratio <= high < math.inf:
            return Finding.UNKNOWN
        around_one = round(low, 2) <= 1 <= round(high, 2)
        if high / low > (WIDEST_SAME if around_one else WIDEST_CLAIM):
            return Finding.UNKNOWN
        if around_one:
            return Finding.SAME
        near = low if low > 1 else high
        if abs(math.log(self.ratio)) <= SURER * abs(math.log(self.ratio / near)):
            return Finding.UNKNOWN
        return Finding.FASTER if low > 1 else Finding.SLOWER

    def in_words(self, *, dense: bool = False) -> str:
        """Return how fast the pruned network is against its original, in the words of all places.

        `dense` says that its removed weights are zeros, which are multiplied like any others.
        """
        found, interval = self.finding, " to ".join(map(_ratio, self.interval))
        if found is Finding.UNKNOWN:
            said = AGAIN
        elif found is Finding.SAME:
            said = f"no difference was found ({interval})"
        else:
            slower = "slower: " if found is Finding.SLOWER else ""
            said = f"{slower}{_ratio(self.ratio)} × as fast ({interval})"
        return f"{said}; {STAYS_DENSE}" if dense else said


def speed(pair: LatencyPair) -> Speed:
    """Return what a report's timings say of the pruned network's speed."""
    return Speed(pair.speedup, pair.speedup_interval, pair.pruned.runs)


def _ratio(value: float) -> str:
    """Return a ratio with two decimals, from 10 on with one."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


__all__ = ["AGAIN", "FEWEST_PASSES", "STAYS_DENSE", "Finding", "Speed", "speed", "speed_up"]
