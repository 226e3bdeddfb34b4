"""What a recovery is: work on one pruned network that advances a step at a time."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from pruneviz.metrics import METRICS, Metric
from pruneviz.network.masks import Masks
from pruneviz.pruned.surgery import Cut
from pruneviz.registry import Registry, Value
from pruneviz.report import EpochRow
from pruneviz.stepwise import Stepwise
from pruneviz.subjects import Data
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import Fact


@dataclass(frozen=True, eq=False, kw_only=True)
class RecoveryRequest:
    """A pruned network to recover, and what a recovery may use.

    `model` is left as it is: a recovery works on a copy. `masks` (by parameter name, True = stays)
    are those of its single weights, {} where it was cut smaller, `cuts` say which of the original's
    indices are left then. `teacher` is the original.
    `round`, `sparsity` and `epochs_before` (trained so far) say where in a schedule it stands;
    `epochs_earlier` of `epochs_planned` are those of the same recovery in earlier rounds, 0 of 0
    where it is on its own. `device` is "cpu", "auto" or "cuda". `frozen` are the parameters that
    the original's author froze, by name. `task` is what the network is for, `metric` what it is
    judged by, None for the task's primary one.
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
    task: Task = CLASSIFICATION
    metric: Metric | None = None

    @property
    def judge(self) -> Metric:
        """Return the metric that networks are judged by."""
        return self.metric or METRICS.get(self.task.metrics[0])

    def draw(self, *place: int | str) -> int:
        """Return a seed of its own for each place: what is drawn there depends on nothing else."""
        # torch looks at 32 bits of a seed only
        return zlib.crc32(":".join(map(str, (self.seed, self.round, *place))).encode())


class Recovery(Stepwise, Protocol):
    """A recovery under way; one that stops early says why in `stopped` and is then `finished`.

    A state is refused with a ValueError where it is not one of the same network and settings.
    """

    curve: list[EpochRow]
    notes: list[Fact]
    stopped: str

    def __init__(self, asked: RecoveryRequest, **settings: Value) -> None:
        """Begin; ValueError where the network, its data or the settings make it impossible."""

    @classmethod
    def steps(
        cls, model: nn.Module, data: Data, task: Task = CLASSIFICATION,
        metric: Metric | None = None, /, **settings: Value,
    ) -> int:  # fmt: skip
        """Return how many steps it takes at most; ValueError where it cannot be done."""

    @property
    def model(self) -> nn.Module:
        """Return the network as it is now, a copy on the CPU in eval mode, parameters frozen."""


RECOVERIES: Registry[type[Recovery]] = Registry("recovery")
