"""Which training inputs go into which step: decided by seed and epoch, by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pruneviz.network.inputs import Batch, some
from pruneviz.recovery.training.settings import Settings
from pruneviz.subjects import Data
from pruneviz.subjects.split import stratified
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

VALIDATION_FRACTION = 0.1
LEAST = 2  # BatchNorm has no statistics of one input


@dataclass(frozen=True, eq=False)
class Parts:
    """Indices into the training part: those to train on, and those set aside to validate."""

    train: Tensor
    validation: Tensor


def divide(data: Data, settings: Settings, seed: int, task: Task = CLASSIFICATION) -> Parts:
    """Return what to train and what to validate on, a tenth of each class where it is needed.

    Of each stratum of other tasks, or of all inputs together where there are none.
    """
    everything = torch.arange(len(data.train_y))
    if not settings.validates:
        return Parts(everything, everything[:0])
    strata = task.strata(data.train_y)
    if strata is None:
        strata = torch.zeros_like(everything)
    aside, rest = stratified(strata.numpy(), VALIDATION_FRACTION, seed)
    if not len(aside):
        raise RefusedError(training.none_to_set_aside())
    return Parts(torch.from_numpy(rest), torch.from_numpy(aside))


class Order(Sampler[Tensor]):
    """Yields the indices of one step after another, this process's share of them.

    `begin` says which epoch comes next and at which of its steps to start.
    """

    def __init__(
        self, indices: Tensor, batch_size: int, draw: Callable[[int], int], rank: int, world: int
    ) -> None:
        self._indices, self._batch_size, self._draw = indices, batch_size, draw
        self._rank, self._world = rank, world
        self._epoch, self._first = 0, 0
        least = LEAST * world
        if len(indices) < least:
            raise RefusedError(training.too_few_inputs(len(indices), least))
        if batch_size > len(indices) or batch_size < least:
            raise RefusedError(training.no_such_batch(batch_size, len(indices), world, least))
        whole, rest = divmod(len(indices), batch_size)
        self._batches = whole + (rest >= least)  # a rest too small for BatchNorm is left out

    def __len__(self) -> int:
        return self._batches

    def size(self, batch: int) -> int:
        """Return how many inputs a step has, over all processes."""
        return min(self._batch_size, len(self._indices) - batch * self._batch_size)

    def begin(self, epoch: int, first: int) -> None:
        """Let the next iteration yield the steps of an epoch from its `first` one on."""
        self._epoch, self._first = epoch, first

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self._draw(self._epoch))
        order = self._indices[torch.randperm(len(self._indices), generator=generator)]
        for batch in range(self._first, self._batches):
            start = batch * self._batch_size
            yield order[start : start + self._batch_size][self._rank :: self._world]


def picked(data: Data, which: Tensor) -> tuple[Batch, Tensor]:
    """Return some of the training inputs with their targets, by their numbers (B,)."""
    return some(data.train_x, which), data.train_y[which]


class Picking(Dataset[tuple[Batch, Tensor]]):
    """Training inputs with their targets, (B, …) each, any number of them at once."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data.train_y)

    def __getitem__(self, which: Tensor) -> tuple[Batch, Tensor]:
        return picked(self._data, which)


def loader(data: Data, order: Order) -> DataLoader[tuple[Batch, Tensor]]:
    """Return a loader of whole batches (B, …), (B, …): inputs are picked by one indexing each."""
    return DataLoader(
        Picking(data),
        sampler=order,
        batch_size=None,
        # its own, or starting an epoch again after a restart would shift torch's global one
        generator=torch.Generator(),
    )
