"""What is known of tensors of a pass, for as long as they live: no tensor is held by it."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

from torch import Tensor

Value = TypeVar("Value")


class Beside(Generic[Value]):
    """Values by the tensor that they belong to, whatever it is equal to; they go when it goes."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[weakref.ref[Tensor], Value]] = {}

    def get(self, tensor: Tensor) -> Value | None:
        """Return what belongs to a tensor, None where nothing does."""
        held = self._held.get(id(tensor))
        return None if held is None else held[1]

    def put(self, tensor: Tensor, value: Value) -> None:
        """Let a value belong to a tensor, in place of what did."""
        key, held = id(tensor), self._held
        # Called before the identity can be another's.
        held[key] = weakref.ref(tensor, lambda _: held.pop(key, None)), value

    def drop(self, tensor: Tensor | None) -> None:
        """Forget what belongs to a tensor."""
        self._held.pop(id(tensor), None)

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
