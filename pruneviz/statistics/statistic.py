"""What a statistic is, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from pruneviz.granularity.units import Units
from pruneviz.network.inputs import Batch, batches, some
from pruneviz.network.study import study
from pruneviz.registry import Registry, Value
from pruneviz.statistics.layers import Layer, layers_of
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

BATCH_SIZE = 64


Table = Mapping[str, Tensor]  # a parameter's name → numbers in its shape, or what the entry says


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Calibration inputs, `x` (N, …), their labels, `y` int64 (N,), and the classes' names.

    `at_once` is how many of them run through a network together.
    """

    x: Batch
    y: Tensor
    classes: tuple[str, ...] = ()
    at_once: int = BATCH_SIZE

    def batches(self, most: int | None = None) -> Iterator[tuple[Batch, Tensor]]:
        """Yield the samples in batches, of `most` at most where that is said."""
        size = self.at_once if most is None else min(most, self.at_once)
        return zip(batches(self.x, size), self.y.split(size), strict=True)

    def spread(self, count: int) -> Samples:
        """Return at most so many of the samples, at equal distances."""
        chosen = torch.linspace(0, len(self.y) - 1, min(count, len(self.y))).round().long()
        return replace(self, x=some(self.x, chosen), y=self.y[chosen])


@dataclass(frozen=True, kw_only=True)
class StatisticRequest:
    """What a statistic may look at; `settings` are those of the criterion, all of them.

    `task` says what the network is for, and so what its loss is.
    """

    criterion: str
    model: nn.Module
    example: Any
    units: tuple[Units, ...]
    seed: int = 0
    settings: Mapping[str, Value] = field(default_factory=dict)
    given: Samples | None = None
    task: Task = CLASSIFICATION

    @property
    def samples(self) -> Samples:
        """Return the calibration samples; ValueError where there are none."""
        if self.given is None or not len(self.given.y):
            raise RefusedError(choosing.needs_labels(self.criterion))
        return self.given

    @cached_property
    def looked_at(self) -> nn.Module:
        """Return a copy that shares the model's tensors, with attention in explicit form."""
        return study(self.model)

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """Return the model's layers by their weight's name."""
        return layers_of(self.model)

    @cached_property
    def touched(self) -> frozenset[str]:
        """Return the parameters that the units touch."""
        whole = (u.masks(torch.ones(u.count, dtype=torch.bool)) for u in self.units)
        return frozenset(name for masks in whole for name in masks)


@runtime_checkable
class Observer(Protocol):
    """A statistic of the hooked pass: it sees each layer's inputs and activations, and sums up."""

    @property
    def passes(self) -> int:
        """Return how often the data must be looked through."""

    def reads(self, layer: Layer, x: Tensor, options: Mapping[str, Any]) -> None:
        """Take in what a layer reads, (B, …), and the options of its call."""

    def answers(self, layer: Layer, activation: Tensor) -> None:
        """Take in a layer's activation, (B, outputs, …)."""

    def turn(self) -> None:
        """End a pass over the data."""

    def table(self) -> Table:
        """Return the sums as numbers in the weights' shapes."""


Statistic = Callable[[StatisticRequest], Table | Observer]

STATISTICS: Registry[Statistic] = Registry("statistic")
