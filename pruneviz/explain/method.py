"""What an attribution method is given, and the registry that holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from pruneviz.network.answers import logits_of
from pruneviz.registry import Registry, Value
from pruneviz.tasks import Explained

BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Question:
    """Why does `model` give `explained`, such as a class's logit, its number on `x`, (1, …)?

    The model and the input belong to the method: it may hook and change them. `average`, shaped as
    the input, is what every method calls the average input, x₀; `axis` is that of the channels.
    `tokens`: the input is the embeddings of a text's tokens, (1, places, width). `batch` is how
    many inputs may be asked about at once.
    """

    model: nn.Module
    x: Tensor
    average: Tensor
    explained: Explained
    settings: dict[str, Value]
    axis: int = 1
    tokens: bool = False
    batch: int = BATCH

    def answer(self, x: Tensor) -> Tensor:
        """Return the number that is explained, (B,), of inputs (B, …)."""
        return self.explained.of(logits_of(self.model, x))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Attributions shaped as the input, and by how much they miss the sum that they should have."""

    values: Tensor
    delta: float | None = None


Method = Callable[[Question], Answer]
METHODS: Registry[Method] = Registry("attribution method")
