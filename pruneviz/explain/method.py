"""What an attribution method is given, and the registry that holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from pruneviz.registry import Registry, Value


@dataclass(frozen=True, kw_only=True)
class Question:
    """Why does `model` give the class `target` its logit on `x`, (1, …)?

    The model and the input belong to the method: it may hook and change them. `average`, shaped as
    the input, is what every method calls the average input, x₀; `axis` is that of the channels.
    """

    model: nn.Module
    x: Tensor
    average: Tensor
    target: int
    settings: dict[str, Value]
    axis: int = 1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Attributions shaped as the input, and by how much they miss the sum that they should have."""

    values: Tensor
    delta: float | None = None


Method = Callable[[Question], Answer]
METHODS: Registry[Method] = Registry("attribution method")
