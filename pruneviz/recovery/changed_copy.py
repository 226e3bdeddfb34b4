"""What recoveries without training share: a copy that is changed, kept where it is better."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from pruneviz.network.duplicate import duplicate
from pruneviz.recovery.choice import better
from pruneviz.recovery.method import RecoveryRequest
from pruneviz.recovery.rows import curve_state, held_out_row, read_curve
from pruneviz.recovery.training.device import torch_device
from pruneviz.recovery.training.states import copied, load, refuse_other
from pruneviz.report import EpochRow
from pruneviz.stepwise import State
from pruneviz.subjects import freeze
from pruneviz.wording import Fact


class TrainingFreeRecovery:
    """A recovery of `total` steps that changes a copy of the pruned network without training.

    `method` is its name, `changes` what it changes, in the plural.
    """

    method: ClassVar[str]
    changes: ClassVar[str]

    def __init__(self, asked: RecoveryRequest, total: int, keep_better: bool) -> None:
        self.total, self.stopped = total, ""
        self.curve: list[EpochRow] = []
        self.notes: list[Fact] = []
        self._asked, self._keep_better, self._done = asked, keep_better, 0
        self._device = torch_device(asked.device)
        self._model = duplicate(asked.model).to(self._device)

    @property
    def done(self) -> int:
        """Return how many steps are done."""
        return self._done

    @property
    def finished(self) -> bool:
        """Return whether nothing is left to do."""
        return self._done >= self.total

    @property
    def model(self) -> nn.Module:
        """Return the network as it is now, a copy on the CPU in eval mode."""
        return freeze(duplicate(self._model).cpu())

    def _advance(self) -> None:
        """Count a step; after the last one keep the better network and measure it."""
        self._done += 1
        if not self.finished:
            return
        if self._keep_better:
            self._model, note = better(self._asked, self._model, self.changes)
            self.notes += [note] if note else []
        self.curve.append(held_out_row(self._asked, self.method, self._model, self._device))

    def state(self) -> State:
        """Return everything from which `restore` goes on."""
        return {
            "method": self.method,
            "done": self._done,
            "model": copied(self._model.state_dict()),
            "curve": curve_state(self.curve),
            "notes": [note.state() for note in self.notes],
        }

    def restore(self, state: State) -> None:
        """Go on from a state; ValueError where it is not one of this network."""
        refuse_other(self.method, state)
        load(self._model, state["model"])
        self._done = int(state["done"])
        self.curve, self.notes = read_curve(state["curve"]), [*map(Fact.read, state["notes"])]
