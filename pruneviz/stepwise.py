"""Work done a step at a time, so that it can be shown, stopped, saved and taken up again."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

State = dict[str, Any]  # tensors and plain values alone: torch.load(weights_only=True) reads it


class Stepwise(Protocol):
    """Work under way, of `total` steps at most or about: a scan, a search, a recovery."""

    @property
    def total(self) -> int:
        """Return how many steps there are; where that depends on what is found, an estimate."""

    @property
    def done(self) -> int:
        """Return how many steps are done."""

    @property
    def finished(self) -> bool:
        """Return whether nothing is left to do."""

    @property
    def sentence(self) -> str:
        """Return what it does, such as "fine-tuning, epoch 3 of 10"; "" before anything is done."""

    def step(self) -> object:
        """Do the next step, and return what it found where that is of use."""

    def state(self) -> State:
        """Return everything from which `restore` goes on to the very same result."""

    def restore(self, state: State) -> None:
        """Go on from a state; ValueError, TypeError or KeyError where it is of other work."""


W = TypeVar("W", bound=Stepwise)


def complete(work: W) -> W:
    """Do all steps that are left, and return the work."""
    while not work.finished:
        work.step()
    return work
