"""Hidden states of many texts between two blocks, kept in files and mapped into memory."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from pruneviz.network.inputs import call

VALUES_AT_ONCE = 4_000_000  # of hidden states that run through a block together


class Stream:
    """The states of N texts, float32 (N, places, width), before one block or the next.

    Two files take turns, so that what a block read is still there until its answers are complete.
    `together` says that several texts may run through a block at once.
    """

    def __init__(
        self, directory: Path, name: str, shape: tuple[int, int, int], together: bool = True
    ) -> None:
        self._directory, self._name = directory, name
        self.shape, self._together = shape, together

    def __len__(self) -> int:
        """Return the number of texts."""
        return self.shape[0]

    @property
    def at_once(self) -> int:
        """Return how many texts run through a block together."""
        most = VALUES_AT_ONCE // (self.shape[1] * self.shape[2])
        return max(1, most) if self._together else 1

    def states(self, before: int) -> Tensor:
        """Return the states before a block, by its number, as they lie in their file."""
        path = self._directory / f"{self._name}-{before % 2}.states"
        values = self.shape[0] * self.shape[1] * self.shape[2]
        flat = torch.from_file(str(path), shared=True, size=values, dtype=torch.float32)
        return flat.view(self.shape)

    def pass_on(self, block: nn.Module, number: int) -> None:
        """Run the states before a block through it, and keep its answers as those before the next.

        Some texts at a time; the file of the states that were read stays as it is.
        """
        given, taken = self.states(number), self.states(number + 1)
        with torch.inference_mode():
            for start in range(0, len(self), self.at_once):
                some = slice(start, start + self.at_once)
                taken[some] = call(block, given[some].clone())
