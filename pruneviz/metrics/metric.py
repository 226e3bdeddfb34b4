"""What a metric is: a number of a network's answers, its interval, and that of a paired change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import floor, inf, isfinite, isnan, log10, nan
from typing import Literal, Protocol

import torch
from torch import Tensor

from pruneviz.metrics.resampling import number
from pruneviz.registry import Entry, Listing, Value
from pruneviz.report import EpochRow, Interval, MetricPair
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting

Tally = Mapping[str, Tensor]  # columns by name, each with a row for each input
Column = Callable[..., Tensor]  # (tally, **settings) → what a rule takes of each input
Change = tuple[float, Interval]
COLUMNS = {  # what a tally may hold of each input
    "right": "whether the answer is the target, (N,) bool; an answer that is no number is not",
    "target": "the class, (N,) int64, the numbers asked for, (N,) or (N, outputs), or whether each "
    "label is there, (N, labels): above 1/2 where it is, below 0 where nobody knows",
    "logits": "what the network says of each class, (N, classes); its softmax is the probability, "
    "and of several labels an input its sigmoid",
    "nll": "the negative log-likelihood of the target, summed over its tokens, in nats, (N,)",
    "kl": "how far the probabilities are from the original's, KL(original ‖ pruned), summed over "
    "its tokens, in nats, (N,)",
    "error": "the answer less the target, (N,) or (N, outputs)",
    "intersections": "pixels of each class that are also answered so, (N, classes)",
    "unions": "pixels that are of each class or answered so, (N, classes)",
    "tokens": "how many tokens were predicted, (N,)",
    "pixels": "how many pixels are labelled, (N,)",
    "correct": "how many of the tokens or pixels are answered right, (N,)",
    "among_five": "how many of the tokens are among the five likeliest answers, (N,)",
    "agreed": "at how many of these places the answer is the original's, (N,)",
    "likelihood": "the log-likelihood of a choice, summed over its tokens, in nats, (N,)",
    "question": "the number of the question that the choice is of, (N,) int64",
    "choice": "the number of the choice among those of its question, (N,) int64",
    "choices": "how many choices its question has, (N,)",
    "truth": "whether it is the right one, (N,) bool",
    "characters": "how many characters the choice has, (N,)",
    "bytes": "how many bytes of text those tokens are, (N,)",
    "scores": "how sure each answered box is, the highest first, (N, 100)",
    "classes": "the class of each answered box, below 0 where there is none, (N, 100)",
    "hits": "which answered boxes are right at the overlaps 0.5, 0.55, …, 0.95, (N, 100, 10) bool",
    "true_classes": "the class of each true box, below 0 where there is none, (N, most)",
    "true_sizes": "whether it is of any size, small, medium and large, (N, most, 4) bool",
    "found": "whether it is found among those of a size at each overlap, (N, most, 4, 10) bool",
}
# Columns that two networks on the same inputs share.
TARGETS = ("target", "true_classes", "question", "truth")


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How values of a unit are written: times `scale`, with so many decimals, and a symbol."""

    symbol: str = ""
    of_changes: str = ""
    scale: float = 1.0
    decimals: int = 3


UNITS = {
    "fraction": Unit(symbol=" %", of_changes=" points", scale=100.0, decimals=1),
    "area": Unit(),
    "nats": Unit(symbol=" nats", of_changes=" nats"),
    "bits": Unit(symbol=" bits", of_changes=" bits"),
    "": Unit(),
}


class Rule(Protocol):
    """How one kind of number is had from a tally: of one input at least, none of them NaN.

    An interval is (NaN, NaN) where the inputs are too few to tell.
    """

    def value(self, tally: Tally, **settings: Value) -> float:
        """Return the number."""
        ...

    def interval(self, tally: Tally, **settings: Value) -> Interval:
        """Return its 95 % interval."""
        ...

    def paired(self, before: Tally, after: Tally, **settings: Value) -> Change:
        """Return how much larger it is after, and the 95 % interval of that; the same inputs."""
        ...


@dataclass(frozen=True, kw_only=True)
class Metric(Entry[Rule]):
    """A number of a network's answers to N inputs, computed of the columns of a tally.

    `needs` are the names of those columns (`COLUMNS`), `unit` is one of `UNITS`, `better` says
    which way a network answers better, and the number lies from `least` to `most`. `family` is how
    its interval is had. `given` are the settings of its parameters, defaults where it says none.
    `count` has one entry for each of what its number is of, where that is not the inputs, and
    `counted` is the noun for one of these.
    """

    better: Literal["higher", "lower"]
    least: float = 0.0
    most: float = inf
    given: Mapping[str, Value] = field(default_factory=dict, hash=False)
    count: Column | None = None
    counted: str = "input"

    def of(self, **given: Value) -> Metric:
        """Return the metric with these settings; ValueError on an unknown or impossible one."""
        return replace(self, given=self.spelled_out(given))

    def combine(self, tally: Tally) -> float:
        """Return the number; NaN without inputs, and where a column holds NaN."""
        if not self._check(tally) or self.unknown(tally):
            return nan
        return number(self.implementation.value(tally, **self.settings(self.given)))

    def interval(self, tally: Tally) -> Interval:
        """Return its 95 % interval; from `least` to `most` where the inputs are too few to tell.

        (NaN, NaN) where a column holds NaN.
        """
        if not self._check(tally):
            return self.least, self.most
        if self.unknown(tally):
            return nan, nan
        found = self.implementation.interval(tally, **self.settings(self.given))
        return _within(found, self.least, self.most)

    def paired(self, before: Tally, after: Tally) -> Change:
        """Return how much larger the number is after than before, and its 95 % interval.

        Both tallies are of the same inputs in the same order; ValueError where they are not. Of two
        equal ones the change is 0 and the interval holds 0. As of `combine` and `interval`, NaN is
        answered with NaN, and too few inputs with the widest interval.
        """
        widest = self.most - self.least
        samples = self._check_pair(before, after)
        if not samples:
            return nan, (-widest, widest)
        if self.unknown(before) or self.unknown(after):
            return nan, (nan, nan)
        settings = self.settings(self.given)
        change, found = self.implementation.paired(before, after, **settings)
        return number(change), _within(found, -widest, widest)

    def samples(self, tally: Tally) -> int:
        """Return of how many the number is: inputs, but where it counts questions or the like."""
        return len(tally[self.needs[0]] if self.count is None else self.count(tally))

    def gain(self, change: float) -> float:
        """Return a change as how much better a network answers, below 0 where it is worse."""
        return change if self.better == "higher" else -change

    def written(self, value: float) -> str:
        """Return a value with its unit, such as `98.2 %` or `0.312 nats`."""
        return f"{self.written_alone(value)}{UNITS[self.unit].symbol}"

    def written_change(self, change: float) -> str:
        """Return a change with its sign and unit, such as `-2.1 points` or `+0.040 nats`."""
        unit = UNITS[self.unit]
        return f"{unit.scale * change:+.{self._decimals(change)}f}{unit.of_changes}"

    def written_alone(self, value: float) -> str:
        """Return a value, or how far two are apart, without the unit: `98.2`."""
        return f"{UNITS[self.unit].scale * value:.{self._decimals(value)}f}"

    def written_width(self, value: float) -> str:
        """Return half an interval's width without the unit, to one digit less: `5.17`."""
        return f"{UNITS[self.unit].scale * value:.{self._decimals(value, digits=3)}f}"

    @property
    def symbol_of_changes(self) -> str:
        """Return the unit of a change with the blank before it, "" where there is none."""
        return UNITS[self.unit].of_changes

    @property
    def scale(self) -> float:
        """Return what a value is multiplied by where it is written: 100 of a fraction, else 1."""
        return UNITS[self.unit].scale

    @property
    def noun(self) -> str:
        """Return the title as it stands within a sentence: `mean absolute error`, but `AUROC`."""
        return sentence_case(self.title)

    def _decimals(self, value: float, digits: int = 4) -> int:
        """Return the unit's decimals; of numbers without a unit, what makes so many digits."""
        most = UNITS[self.unit].decimals
        if self.unit or not isfinite(value) or abs(value) < 1:
            return most
        return max(0, digits - 1 - floor(log10(abs(value))))

    def unknown(self, tally: Tally) -> int:
        """Return of how many inputs a column that this metric needs holds NaN."""
        wrong = [tally[name].isnan().reshape(len(tally[name]), -1).any(1) for name in self.needs]
        return int(torch.stack(wrong).any(0).sum())

    def _check(self, tally: Tally) -> int:
        """Return how many inputs a tally is of; ValueError where a column lacks, or some rows."""
        lacking = [name for name in self.needs if name not in tally]
        if lacking:
            raise RefusedError(cutting.no_columns(self.title, tuple(lacking), tuple(tally)))
        rows = {name: len(tally[name]) for name in self.needs}
        if len(set(rows.values())) > 1:
            given = ", ".join(f"{name} {count}" for name, count in rows.items())
            raise RefusedError(cutting.uneven_columns(given))
        return rows[self.needs[0]]

    def _check_pair(self, before: Tally, after: Tally) -> int:
        counts = self._check(before), self._check(after)
        if counts[0] != counts[1]:
            raise RefusedError(cutting.other_inputs(*counts))
        asked = [name for name in TARGETS if name in self.needs]
        if not all(_alike(before[name], after[name]) for name in asked):
            raise RefusedError(cutting.other_targets())
        return counts[0]


def sentence_case(title: str) -> str:
    """Return a title as it stands within a sentence: `mean absolute error`, but `AUROC`, `R²`."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _alike(first: Tensor, second: Tensor) -> bool:
    """Return whether two columns hold the same; one NaN is as another."""
    if first.shape != second.shape:
        return False
    return bool(((first == second) | (first.isnan() & second.isnan())).all())


def _within(found: Interval, least: float, most: float) -> Interval:
    """Return an interval cut to what is possible; an end that nobody knows is as far as can be."""
    low, high = (number(float(end)) for end in found)
    return least if isnan(low) else max(low, least), most if isnan(high) else min(high, most)


METRICS: Listing[Metric] = Listing("metric")


def metric_of(pair: MetricPair) -> Metric:
    """Return the metric that a pair of a report is of, with its settings."""
    return METRICS.get(pair.metric).of(**pair.settings)


def best_row(rows: Sequence[EpochRow]) -> EpochRow | None:
    """Return the trained epoch of the last round that was best on held-out inputs, if any.

    It is for reading alone: the last epoch is the result.
    """
    trained = [row for row in rows if row.round == rows[-1].round and row.loss is not None]
    known = [row for row in trained if not isnan(row.value)]
    return max(known, key=lambda row: METRICS.get(row.metric).gain(row.value), default=None)
