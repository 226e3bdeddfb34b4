"""Metrics of one class at a threshold of its probability: recall, precision and F1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan, sqrt

import torch
from torch import Tensor

from pruneviz.metrics.areas import ALL, can_be_judged, check_class, mean_ends, of_each
from pruneviz.metrics.metric import METRICS, Change, Metric, Rule, Tally
from pruneviz.metrics.resampling import FEW, between, resampled, widened
from pruneviz.metrics.rules import Corpus, Proportion
from pruneviz.metrics.statistics import DEVIATIONS, wilson
from pruneviz.registry import Parameter, Value
from pruneviz.report import Interval

OF_CLASS = (
    Parameter(
        name="class_index",
        label="Class",
        default=1,
        minimum=ALL,
        help="Which output is the class; -1 is the mean over all, the default where inputs have "
        "several labels.",
    ),
    Parameter(
        name="threshold",
        default=0.5,
        minimum=0.0,
        maximum=1.0,
        help="Above which probability an input is taken to be of the class.",
    ),
)
ADDED = 1 / 4  # of an input, to each of 8 outcomes: 2 in all, as for proportions
MEAN = (
    "With class -1 the mean over the classes: a label that all inputs have, or none, is left out, "
    "and where few have one, the interval is too short."
)
Weight = Callable[[Tensor, Tensor], Tensor]  # (true, taken) → what each input adds below the line


def probabilities(tally: Tally) -> Tensor:
    """Return the probability of each class, or of each label by itself, (N, classes), float64."""
    logits = tally["logits"].double()
    return logits.softmax(1) if tally["target"].dim() == 1 else logits.sigmoid()


def decided(tally: Tally, class_index: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Return which inputs are of the class, and which are taken to be, (n,) bool each.

    Of inputs of which nobody knows whether they are of it nothing is returned.
    """
    outputs = tally["logits"].shape[1]
    check_class(class_index, outputs)
    true, known = (each[:, class_index] for each in of_each(tally["target"], outputs))
    return true[known], probabilities(tally)[known, class_index] > threshold


def recalled(tally: Tally, class_index: int, threshold: float) -> Tensor:
    """Return of each input of the class whether it is taken to be, (n,) bool."""
    true, taken = decided(tally, class_index, threshold)
    return taken[true]


@dataclass(frozen=True)
class OneOrAll:
    """A number of one class, and with class −1 of all: the mean over those that can be judged.

    `one` is the rule of a class. A class's number is a ratio of counts, Σ `true` of each true
    positive over Σ `weight`, and 0 where nothing is below the line. The interval of the mean is
    the percentile bootstrap over inputs, each resample's over the classes that it drew with and
    without; where every class is judged without an exception, the mean of their own intervals.
    """

    one: Rule
    weight: Weight
    true: float

    def value(self, tally: Tally, **settings: Value) -> float:
        """Return the number; NaN where there is none."""
        return self._rule(settings).value(tally, **settings)

    def interval(self, tally: Tally, **settings: Value) -> Interval:
        """Return its interval."""
        return self._rule(settings).interval(tally, **settings)

    def paired(self, before: Tally, after: Tally, **settings: Value) -> Change:
        """Return the change and its interval."""
        return self._rule(settings).paired(before, after, **settings)

    def _rule(self, settings: dict[str, Value]) -> Rule:
        return Corpus(self._mean, self._ends, self._drawn) if _of_all(settings) else self.one

    def _mean(self, tally: Tally, **settings: Value) -> float:
        whole = torch.ones(len(tally["target"]), 1, dtype=torch.double)
        return float(self._drawn(tally, whole, **settings))

    def _ends(self, tally: Tally, **settings: Value) -> Interval:
        value, samples = self._mean(tally, **settings), len(tally["target"])
        if value in (0.0, 1.0):
            seen = can_be_judged(*of_each(tally["target"], tally["logits"].shape[1]))
            classes: list[int] = seen.nonzero()[:, 0].tolist()
            alone = [{**settings, "class_index": index} for index in classes]
            return mean_ends([self.one.interval(tally, **each) for each in alone])
        if value != value or samples < FEW:
            return nan, nan
        drawn = self._drawn(tally, resampled(samples), **settings)
        low, high = between(drawn, widened(samples))
        return min(low, value), max(high, value)

    def _drawn(self, tally: Tally, weights: Tensor, **settings: Value) -> Tensor:
        """Return the mean over the classes that each column of weights drew, (N, R) → (R,)."""
        true, known = of_each(tally["target"], tally["logits"].shape[1])
        seen = can_be_judged(true, known)
        true, known = (true & known)[:, seen], known[:, seen]
        taken = known & (probabilities(tally)[:, seen] > float(settings["threshold"]))

        def drawn(columns: Tensor) -> Tensor:
            return weights.T @ columns.to(weights.dtype)

        above = self.true * drawn(true & taken).double()
        below = drawn(self.weight(true, taken)).double()
        ratios = above / below.where(below > 0, 1.0)
        there = (drawn(true) > 0) & (drawn(known & ~true) > 0)
        return ratios.where(there, 0.0).sum(1) / there.sum(1)


def _of_all(settings: dict[str, Value]) -> bool:
    return settings["class_index"] == ALL


@dataclass(frozen=True)
class Decided:
    """A share of true positives among inputs that the answers choose: a ratio of two counts.

    `among` says which inputs those are, of which are of the class and which are taken to be;
    `of_share` makes the metric of the share, rising with it. The interval is Wilson's of the share.
    The change is of ratios of other inputs each: the interval is that of the delta method with a
    quarter of an input added to each of the eight outcomes, as Agresti and Min add a half to each
    of four. Of two networks that decide alike the change is 0 and the interval as far to either
    side as a difference that no input showed may still be.
    """

    among: Callable[[Tensor, Tensor], Tensor]
    of_share: Callable[[float], float]
    weight: Weight
    true: float  # what a true positive adds to the numerator

    def value(self, tally: Tally, **settings: Value) -> float:
        """Return the ratio; NaN where no input is chosen."""
        count, chosen = self._counts(tally, settings)
        return self.of_share(count / chosen) if chosen else nan

    def interval(self, tally: Tally, **settings: Value) -> Interval:
        """Return what the metric makes of Wilson's interval of the share."""
        low, high = wilson(*self._counts(tally, settings))
        return self.of_share(low), self.of_share(high)

    def paired(self, before: Tally, after: Tally, **settings: Value) -> Change:
        """Return the change, NaN where one has no value, and its interval."""
        change = self.value(after, **settings) - self.value(before, **settings)
        if change != change:
            return nan, (nan, nan)
        true, first = decided(before, **settings)  # type: ignore[arg-type]
        _, second = decided(after, **settings)  # type: ignore[arg-type]
        outcomes = torch.cartesian_prod(*[torch.tensor([False, True])] * 3)
        true, first, second = torch.cat([torch.stack([true, first, second], 1), outcomes]).T
        weights = torch.cat([torch.ones(len(true) - 8), torch.full((8,), ADDED)]).double()
        (share_a, moves_a), (share_b, moves_b) = (
            self._moved(true, taken, weights) for taken in (first, second)
        )
        centre = share_b - share_a
        half = DEVIATIONS * sqrt(float((weights * (moves_b - moves_a).square()).sum()))
        return change, (min(change, centre - half), max(change, centre + half))

    def _counts(self, tally: Tally, settings: dict[str, Value]) -> tuple[int, int]:
        true, taken = decided(tally, **settings)  # type: ignore[arg-type]
        return int((true & taken).sum()), int(self.among(true, taken).sum())

    def _moved(self, true: Tensor, taken: Tensor, weights: Tensor) -> tuple[float, Tensor]:
        """Return the ratio of weighted inputs, and how far each of them moves it, (N,)."""
        over = self.weight(true, taken).double()
        above = self.true * (true & taken).double()
        whole = (weights * over).sum()
        ratio = (weights * above).sum() / whole
        return float(ratio), (above - ratio * over) / whole


def _both(true: Tensor, taken: Tensor) -> Tensor:
    return true.double() + taken.double()


PRECISION = Decided(
    among=lambda true, taken: taken,
    of_share=lambda share: share,
    weight=lambda true, taken: taken,
    true=1.0,
)
F1 = Decided(
    among=lambda true, taken: true | taken,
    of_share=lambda share: 2 * share / (1 + share),
    weight=_both,
    true=2.0,
)
METRICS.add(
    Metric(
        name="recall",
        title="Recall",
        family="proportion",
        sentence=f"The share of the inputs of a class that are taken to be of it. {MEAN}",
        formula="true positives / inputs of the class",
        source="interval: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("logits", "target"),
        parameters=OF_CLASS,
        implementation=OneOrAll(Proportion(recalled), weight=lambda true, taken: true, true=1.0),
    )
)
METRICS.add(
    Metric(
        name="precision",
        title="Precision",
        family="ratio of counts",
        sentence="The share of the inputs taken to be of a class that are; there is none where no "
        f"input is taken to be. {MEAN} A label that is never taken counts 0 in it.",
        formula="true positives / inputs taken to be of the class",
        source="interval: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("logits", "target"),
        parameters=OF_CLASS,
        implementation=OneOrAll(PRECISION, PRECISION.weight, PRECISION.true),
    )
)
METRICS.add(
    Metric(
        name="f1",
        title="F1",
        family="ratio of counts",
        sentence="The harmonic mean of precision and recall of a class; there is none where no "
        f"input is of the class or taken to be. {MEAN}",
        formula="2 true positives / (inputs of the class + inputs taken to be)",
        source="van Rijsbergen 1979; interval: Lam, Gopal and Qian 2023, arXiv 2309.14621",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("logits", "target"),
        parameters=OF_CLASS,
        implementation=OneOrAll(F1, F1.weight, F1.true),
    )
)
