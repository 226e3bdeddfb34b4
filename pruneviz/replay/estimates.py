"""Accuracy before all inputs are seen: an estimate after each batch, exact after the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from pruneviz.measure.quality import paired_change, predicted, wilson
from pruneviz.replay.evaluator import Evaluator


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
    """How many of the first `samples` inputs the original and a changed network get right."""

    samples: int
    original: int
    right: int
    gained: int
    lost: int


def tallies(evaluator: Evaluator, network: nn.Module) -> Iterator[Tally]:
    """Yield the counts after each batch; ValueError where the evaluator has no labels."""
    if evaluator.y is None:
        raise ValueError("accuracy needs labels, and these inputs have none: give y, one for each")
    samples = original = right = gained = lost = 0
    for part, logits in enumerate(evaluator.batches(network)):
        labels = evaluator.y[evaluator.parts[part]]
        before = predicted(evaluator.original(part)) == labels
        after = predicted(logits) == labels
        samples += len(labels)
        original += int(torch.sum(before))
        right += int(torch.sum(after))
        gained += int(torch.sum(after & ~before))
        lost += int(torch.sum(before & ~after))
        yield Tally(samples, original, right, gained, lost)


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
