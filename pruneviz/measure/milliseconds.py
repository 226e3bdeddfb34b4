"""How long one pass takes, in ms with its interval, and whether that is within a goal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from pruneviz.measure.speed import AGAIN, FEWEST_PASSES, STAYS_DENSE, WIDEST_CLAIM
from pruneviz.report import Interval, Latency


class Standing(Enum):
    """What a measured time says of a goal."""

    WITHIN = "within"
    BEYOND = "beyond"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class PassTime:
    """The median of single passes in ms, with its 95 % interval, and of how many passes it is."""

    median: float
    interval: Interval
    passes: int

    @property
    def is_narrow(self) -> bool:
        """Return whether the passes lie close enough together to be a measurement."""
        low, high = self.interval
        return self._is_known and low > 0 and high / low <= WIDEST_CLAIM

    def against(self, goal: float) -> Standing:
        """Return whether one pass takes `goal` ms at most, as far as the interval says so."""
        low, high = self.interval
        if not self._is_known or low <= goal < high:
            return Standing.UNDECIDED
        return Standing.WITHIN if high <= goal else Standing.BEYOND

    def in_words(self) -> str:
        """Return the time with its interval, or that it is not measured well enough."""
        return self._numbers if self.is_narrow else AGAIN

    def against_goal(self, goal: float, *, dense: bool = False) -> str:
        """Return the time beside a goal in ms, and whether it is reached or cannot be decided.

        `dense` says that removed weights are zeros, which are multiplied like any others.
        """
        wanted, standing = f"the goal of {milliseconds(goal)}", self.against(goal)
        if standing is Standing.WITHIN:
            said = f"{self._numbers}, within {wanted}"
        elif standing is Standing.BEYOND:
            said = f"{self._numbers}, {milliseconds(self.median - goal)} more than {wanted}"
        elif self.is_narrow:
            said = (
                f"{self._numbers}; whether it is within {wanted} cannot be decided: measure again"
            )
        else:
            said = f"{AGAIN}; {wanted} cannot be decided yet"
        return f"{said}; {STAYS_DENSE}" if dense else said

    @property
    def _is_known(self) -> bool:
        low, high = self.interval
        return self.passes >= FEWEST_PASSES and 0 <= low <= self.median <= high < math.inf

    @property
    def _numbers(self) -> str:
        decimals = time_decimals(self.median)
        low, high = self.interval
        return f"{milliseconds(self.median)} ({low:.{decimals}f} to {high:.{decimals}f})"


def pass_time(latency: Latency) -> PassTime:
    """Return one network's time out of a report."""
    return PassTime(latency.median, latency.median_interval, latency.runs)


def milliseconds(value: float) -> str:
    """Return a time given in ms with three significant digits: `0.412 ms`, `4.71 ms`, `47.1 ms`."""
    if not math.isfinite(value):
        return "–"
    return f"{value:.{time_decimals(value)}f} ms"


def time_decimals(milliseconds: float) -> int:
    """Return how many decimals show a time in ms with three significant digits."""
    return 3 if milliseconds < 1 else 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0


__all__ = ["PassTime", "Standing", "milliseconds", "pass_time", "time_decimals"]
