"""How numbers are combined, and their intervals had: one rule for each kind of number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor

from pruneviz.metrics.metric import Change, Column, Tally
from pruneviz.metrics.resampling import (
    FEW,
    between,
    interval_of_means,
    mean_intervals,
    resampled,
    widened,
)
from pruneviz.metrics.statistics import mean_change, mean_share, paired_change, wilson
from pruneviz.registry import Value
from pruneviz.report import Interval

Function = Callable[[Tensor], Tensor]  # of means, (rows, k) → (rows,)


@dataclass(frozen=True)
class Proportion:
    """A share of inputs: Wilson's interval, of a change that of Agresti and Min.

    `right` says of each input that counts whether it is one, (n,) bool; which count, the target
    alone decides. Two networks that are right of the same inputs change by 0, and the interval is
    as far to either side as a difference that no input showed may still be.
    """

    right: Column

    def value(self, tally: Tally, **settings: Value) -> float:
        """Return the share; NaN where no input counts."""
        right = self.right(tally, **settings)
        return int(right.sum()) / len(right) if len(right) else nan

    def interval(self, tally: Tally, **settings: Value) -> Interval:
        """Return Wilson's interval."""
        right = self.right(tally, **settings)
        return wilson(int(right.sum()), len(right))

    def paired(self, before: Tally, after: Tally, **settings: Value) -> Change:
        """Return the change, NaN where no input counts, and Agresti and Min's interval."""
        first, second = self.right(before, **settings), self.right(after, **settings)
        gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
        change, interval = paired_change(gained, lost, len(first))
        return (change if len(first) else nan), interval


@dataclass(frozen=True)
class ByClass:
    """The mean over classes of the share of each one's inputs, as `Proportion` of each class.

    A class without an input is left out.
    """

    def value(self, tally: Tally, **settings: Value) -> float:
        """Return the mean share."""
        samples, right = _by_class(tally["target"], tally["right"])
        return float((right / samples).mean())

    def interval(self, tally: Tally, **settings: Value) -> Interval:
        """Return the stratified interval of Wilson's kind."""
        samples, right = _by_class(tally["target"], tally["right"])
        return mean_share(right.numpy(), samples.numpy())

    def paired(self, before: Tally, after: Tally, **settings: Value) -> Change:
        """Return the mean change and its stratified interval."""
        first, second = before["right"], after["right"]
        samples, gained = _by_class(before["target"], second & ~first)
        _, lost = _by_class(before["target"], first & ~second)
        return mean_change(gained.numpy(), lost.numpy(), samples.numpy())


def _by_class(target: Tensor, flags: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many inputs each class with some has, and of how many the flag is set."""
    samples = torch.bincount(target)
    found = torch.bincount(target[flags], minlength=len(samples))
    return samples[samples > 0].double(), found[samples > 0].double()


@dataclass(frozen=True)
class Mean:
    """A mean over the inputs of `values`, (N,): the bootstrap of Student's t, also of a change.

    Of two networks with the same values the change is 0 and the interval (0, 0).
    """

    values: Column

    def value(self, tally: Tally, **settings: Value) -> float:
        """Return the mean."""
        return float(self.values(tally, **settings).double().mean())

    def interval(self, tally: Tally, **settings: Value) -> Interval:
        """Return the interval, which ends at the least and largest value."""
        return mean_intervals(self.values(tally, **settings)[None])[0]

    def paired(self, before: Tally, after: Tally, **settings: Value) -> Change:
        """Return the mean of what each input changes by, and its interval."""
        first, second = self.values(before, **settings), self.values(after, **settings)
        added = second.double() - first.double()
        return float(added.mean()), mean_intervals(added[None])[0]


@dataclass(frozen=True)
class OfMeans:
    """A smooth function of means over the inputs, such as a ratio: the bootstrap of Student's t.

    `columns` are what is averaged, (N, k). Where `there` and `back` are, which undo one another,
    the interval is had of what `there` makes of the number. Of two networks with the same columns
    the change is 0 and the interval (0, 0).
    """

    columns: Column
    function: Function
    there: Function = torch.Tensor.clone
    back: Function = torch.Tensor.clone

    def value(self, tally: Tally, **settings: Value) -> float:
        """Return the function of the means."""
        return float(self.function(self.columns(tally, **settings).double().mean(0)[None]))

    def interval(self, tally: Tally, **settings: Value) -> Interval:
        """Return the interval; an end may be infinite."""
        columns = self.columns(tally, **settings).double()
        ends = interval_of_means(columns, lambda means: self.there(self.function(means)))
        low, high = self.back(torch.tensor(ends, dtype=torch.double)).tolist()
        value = self.value(tally, **settings)
        # what is drawn too high on average, as a calibration error, is less than it seems
        return min(low, value), max(high, value)

    def paired(self, before: Tally, after: Tally, **settings: Value) -> Change:
        """Return the change and its interval, both networks' columns resampled together."""
        first = self.columns(before, **settings).double()
        second = self.columns(after, **settings).double()
        if torch.equal(first, second):
            unchanged = 0.0 * self.value(before, **settings)
            return unchanged, (unchanged, unchanged)  # NaN where the number is none
        k = first.shape[1]

        def change(means: Tensor) -> Tensor:
            return self.function(means[:, k:]) - self.function(means[:, :k])

        columns = torch.cat([first, second], 1)
        found, (low, high) = (
            float(change(columns.mean(0)[None])),
            interval_of_means(columns, change),
        )
        return found, (min(low, found), max(high, found))


@dataclass(frozen=True)
class Corpus:
    """A number of all inputs together; of a change the percentile bootstrap.

    `number` and `ends` give the number and its interval, `drawn` the number of each resample, (R,),
    of how often each draws each input, (N, R). Of two networks that no resample tells apart the
    change is 0 and the interval (0, 0).
    """

    number: Callable[..., float]  # (tally, **settings)
    ends: Callable[..., Interval]  # (tally, **settings)
    drawn: Callable[..., Tensor]  # (tally, weights, **settings)

    def value(self, tally: Tally, **settings: Value) -> float:
        """Return the number."""
        return self.number(tally, **settings)

    def interval(self, tally: Tally, **settings: Value) -> Interval:
        """Return its interval."""
        return self.ends(tally, **settings)

    def paired(self, before: Tally, after: Tally, **settings: Value) -> Change:
        """Return the change and between which ones those of the resamples lie."""
        change = self.value(after, **settings) - self.value(before, **settings)
        samples = len(next(iter(before.values())))
        if change != change or samples < FEW:
            return change, (nan, nan)
        weights = resampled(samples)
        drawn = self.drawn(after, weights, **settings) - self.drawn(before, weights, **settings)
        low, high = between(drawn, widened(samples))
        return change, (min(low, change), max(high, change))
