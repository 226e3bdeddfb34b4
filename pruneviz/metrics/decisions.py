"""Metrics of one class at a threshold of its probability: recall, precision and F1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan, sqrt

import torch
from torch import Tensor

from pruneviz.metrics.metric import METRICS, Change, Metric, Tally
from pruneviz.metrics.rules import Proportion
from pruneviz.metrics.statistics import DEVIATIONS, wilson
from pruneviz.registry import Parameter, Value
from pruneviz.report import Interval
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting

OF_CLASS = (
    Parameter(
        name="class_index", label="Class", default=1, minimum=0, help="Which output is the class."
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


def decided(tally: Tally, class_index: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Return which inputs are of the class, and which are taken to be, (N,) bool each."""
    outputs = tally["logits"].shape[1]
    if class_index >= outputs:
        raise RefusedError(cutting.no_such_class(class_index, outputs))
    probability = tally["logits"].double().softmax(1)[:, class_index]
    return tally["target"] == class_index, probability > threshold


def recalled(tally: Tally, class_index: int, threshold: float) -> Tensor:
    """Return of each input of the class whether it is taken to be, (n,) bool."""
    true, taken = decided(tally, class_index, threshold)
    return taken[true]


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
    weight: Callable[[Tensor, Tensor], Tensor]  # what each input adds to the denominator
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


METRICS.add(
    Metric(
        name="recall",
        title="Recall",
        family="proportion",
        sentence="The share of the inputs of a class that are taken to be of it.",
        formula="true positives / inputs of the class",
        source="interval: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("logits", "target"),
        parameters=OF_CLASS,
        implementation=Proportion(recalled),
    )
)
METRICS.add(
    Metric(
        name="precision",
        title="Precision",
        family="ratio of counts",
        sentence="The share of the inputs taken to be of a class that are; there is none where no "
        "input is taken to be.",
        formula="true positives / inputs taken to be of the class",
        source="interval: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("logits", "target"),
        parameters=OF_CLASS,
        implementation=Decided(
            among=lambda true, taken: taken,
            of_share=lambda share: share,
            weight=lambda true, taken: taken,
            true=1.0,
        ),
    )
)
METRICS.add(
    Metric(
        name="f1",
        title="F1",
        family="ratio of counts",
        sentence="The harmonic mean of precision and recall of a class; there is none where no "
        "input is of the class or taken to be.",
        formula="2 true positives / (inputs of the class + inputs taken to be)",
        source="van Rijsbergen 1979; interval: Lam, Gopal and Qian 2023, arXiv 2309.14621",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("logits", "target"),
        parameters=OF_CLASS,
        implementation=Decided(
            among=lambda true, taken: true | taken,
            of_share=lambda share: 2 * share / (1 + share),
            weight=lambda true, taken: true.double() + taken.double(),
            true=2.0,
        ),
    )
)
