"""What a recovery is: work on one pruned network that advances a step at a time."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from pruneviz.network.masks import Masks
from pruneviz.pruned.surgery import Cut
from pruneviz.registry import Registry, Value
from pruneviz.report import EpochRow
from pruneviz.subjects import Data
from pruneviz.wording import Fact

State = dict[str, Any]  # tensors and plain values alone: torch.load(weights_only=True) reads it


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """A pruned network to recover, and what a recovery may use.

    `model` is left as it is: a recovery works on a copy. `masks` (by parameter name, True = stays)
    are those of its single weights, {} where it was cut smaller, `cuts` say which of the original's
    indices are left then. `teacher` is the original.
    `round`, `sparsity` and `epochs_before` (trained so far) say where in a schedule it stands;
    `epochs_earlier` of `epochs_planned` are those of the same recovery in earlier rounds, 0 of 0
    where it is on its own. `device` is "cpu", "auto" or "cuda". `frozen` are the parameters that
    the original's author froze, by name.
    """

    model: nn.Module
    masks: Masks
    teacher: nn.Module
    data: Data
    cuts: tuple[Cut, ...]
    seed: int = 0
    device: str = "cpu"
    round: int = 1
    sparsity: float = 0.0
    epochs_before: int = 0
    epochs_earlier: int = 0
    epochs_planned: int = 0
    frozen: frozenset[str] = frozenset()

    def draw(self, *place: int | str) -> int:
        """Return a seed of its own for each place: what is drawn there depends on nothing else."""
        # torch looks at 32 bits of a seed only
        return zlib.crc32(":".join(map(str, (self.seed, self.round, *place))).encode())


class Recovery(Protocol):
    """A recovery under way, which can be shown, stopped, saved and taken up again at any step.

    `total` steps at most; one that stops early, says why in `stopped` and is then `finished`.
    """

    total: int
    curve: list[EpochRow]
    notes: list[Fact]
    stopped: str

    def __init__(self, task: Task, **settings: Value) -> None:
        """Begin; ValueError where the task or the settings make it impossible."""

    @classmethod
    def steps(cls, model: nn.Module, data: Data, **settings: Value) -> int:
        """Return how many steps it takes at most; ValueError where it cannot be done."""

    @property
    def done(self) -> int:
        """Return how many steps are done."""

    @property
    def finished(self) -> bool:
        """Return whether nothing is left to do."""

    @property
    def sentence(self) -> str:
        """Return what it does now, such as "fine-tuning, epoch 3 of 10"."""

    @property
    def model(self) -> nn.Module:
        """Return the network as it is now, a copy on the CPU in eval mode, parameters frozen."""

    def step(self) -> None:
        """Do the next step."""

    def state(self) -> State:
        """Return everything from which `restore` goes on to the very same result."""

    def restore(self, state: State) -> None:
        """Go on from a state; ValueError where it is not one of the same task and settings."""


RECOVERIES: Registry[type[Recovery]] = Registry("recovery")
