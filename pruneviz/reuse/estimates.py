"""Accuracy before all inputs are seen: an estimate after each batch, exact after the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from pruneviz.measure.quality import check_pair, label_logits, pairs, predicted
from pruneviz.metrics import Metric
from pruneviz.metrics.statistics import paired_change, wilson
from pruneviz.report import MetricPair
from pruneviz.reuse.evaluator import Evaluator
from pruneviz.tasks import CLASSIFICATION, Answers, Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting


@dataclass(frozen=True)
class Estimate:
    """Accuracy on the first `samples` of `total` inputs, and its change against the original's.

    Fractions, with 95 % intervals: Wilson's for the accuracy, that for matched pairs for the
    change. Each holds for itself; whoever stops as soon as one pleases has less than 95 %.
    """

    samples: int
    total: int
    accuracy: float
    low: float
    high: float
    change: float
    change_low: float
    change_high: float

    @property
    def exact(self) -> bool:
        """Return whether every input was seen."""
        return self.samples == self.total


@dataclass(frozen=True)
class Tally:
    """How many of the first `samples` inputs the original and a changed network get right.

    `alike` counts those that both give the same answer to. Tallies of batches can be added.
    """

    samples: int = 0
    original: int = 0
    right: int = 0
    gained: int = 0
    lost: int = 0
    alike: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Return the counts of both together."""
        return Tally(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def quality(self) -> tuple[MetricPair, ...]:
        """Return both accuracies and their change; () where no input was counted."""
        return (accuracy(self),) if self.samples else ()


@dataclass(frozen=True, eq=False)
class Gathered:
    """What the task counts of both networks for `samples` inputs, and its metrics.

    `which` are the inputs' places in the data: in their order is it judged, as elsewhere, because
    resampling makes its intervals by place.
    """

    task: Task
    metrics: tuple[Metric, ...]
    which: Tensor
    before: dict[str, Tensor]
    after: dict[str, Tensor]

    @property
    def samples(self) -> int:
        """Return how many inputs were counted."""
        return len(self.which)

    def __add__(self, other: Gathered) -> Gathered:
        """Return what was counted of both together."""
        before, after = (
            {name: torch.cat([first[name], second[name]]) for name in first}
            for first, second in ((self.before, other.before), (self.after, other.after))
        )
        which = torch.cat([self.which, other.which])
        return Gathered(self.task, self.metrics, which, before, after)

    def quality(self) -> tuple[MetricPair, ...]:
        """Return the metrics of both networks and their changes."""
        order = torch.argsort(self.which)
        before, after = (
            {name: column[order] for name, column in each.items()}
            for each in (self.before, self.after)
        )
        return pairs(self.task, self.metrics, before, after)


class Seen(Protocol):
    """What is known of both networks from the first `samples` inputs; that of batches adds up."""

    @property
    def samples(self) -> int:
        """Return how many inputs were counted."""

    def __add__(self, other: Self) -> Self:
        """Return what was counted of both together."""

    def quality(self) -> tuple[MetricPair, ...]:
        """Return the metrics of both networks and their changes."""


def seen(
    task: Task,
    metrics: Sequence[Metric],
    which: Tensor,
    before: Answers,
    after: Answers,
    target: Tensor,
) -> Seen:
    """Return what is known of one batch, `which` inputs (B,); of accuracy alone, counts do."""
    if task is CLASSIFICATION and [metric.name for metric in metrics] == ["accuracy"]:
        return counted(label_logits(before), label_logits(after), target)
    tallies = (task.tally(each, target) for each in (before, after))
    return Gathered(task, tuple(metrics), which, *tallies)


def counted(original: Tensor, changed: Tensor, labels: Tensor) -> Tally:
    """Return the counts of one batch: logits of both networks (B, classes), labels (B,).

    ValueError where their shapes do not fit.
    """
    check_pair(original, changed, labels)
    before, after = predicted(original), predicted(changed)
    right_before, right_after = before == labels, after == labels
    return Tally(
        samples=len(labels),
        original=int(torch.sum(right_before)),
        right=int(torch.sum(right_after)),
        gained=int(torch.sum(right_after & ~right_before)),
        lost=int(torch.sum(right_before & ~right_after)),
        alike=int(torch.sum(before == after)),
    )


def accuracy(tally: Tally) -> MetricPair:
    """Return what `accuracy_pair` says of the inputs that were counted, one at least."""
    n = tally.samples
    change, interval = paired_change(tally.gained, tally.lost, n)
    return MetricPair(
        original=tally.original / n,
        pruned=tally.right / n,
        change=change,
        original_interval=wilson(tally.original, n),
        pruned_interval=wilson(tally.right, n),
        change_interval=interval,
        samples=n,
        agreement=tally.alike / n,
    )


def tallies(evaluator: Evaluator, network: nn.Module) -> Iterator[Tally]:
    """Yield the counts after each batch; ValueError where the evaluator has no labels."""
    if evaluator.y is None:
        raise RefusedError(cutting.no_labels())
    total = Tally()
    for part, logits in enumerate(evaluator.batches(network)):
        both = label_logits(evaluator.original(part)), label_logits(logits)
        total += counted(*both, evaluator.y[evaluator.parts[part]])
        yield total


def estimate(tally: Tally, total: int) -> Estimate:
    """Return what the counts say, with intervals."""
    low, high = wilson(tally.right, tally.samples)
    change, (change_low, change_high) = paired_change(tally.gained, tally.lost, tally.samples)
    accuracy = tally.right / tally.samples
    return Estimate(tally.samples, total, accuracy, low, high, change, change_low, change_high)


def estimates(evaluator: Evaluator, network: nn.Module) -> Iterator[Estimate]:
    """Yield an estimate after each batch; the last one is exact. Stop between any two.

    ValueError where the evaluator has no labels.
    """
    for tally in tallies(evaluator, network):
        yield estimate(tally, len(evaluator.x))
