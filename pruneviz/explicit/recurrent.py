"""Recurrent layers that are given their first state as zeros: cut smaller, they begin with fewer.

The code around a layer makes these zeros, of a size that it may write down anywhere. A first state
of zeros is what a layer takes where none is given, so its size does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes, _get_current_dispatch_mode_stack

from pruneviz.explicit.form import Explicit

State = Tensor | tuple[Tensor, Tensor] | None
_is_given: ContextVar[Callable[[Tensor], bool] | None] = ContextVar("is_given", default=None)


@contextmanager
def following(is_given: Callable[[Tensor], bool]) -> Iterator[None]:
    """Let layers begin without the states of zeros that `is_given` says come of no computation."""
    before = _is_given.set(is_given)
    try:
        yield
    finally:
        _is_given.reset(before)


class Recurrent(Explicit):
    """A recurrent layer that takes zeros of any size for its first state."""

    def take_form(self, original: nn.Module) -> None:
        """Remember nothing more: the tensors tell all."""

    def forward(self, input: Any, hx: State = None) -> Any:  # noqa: A002  torch calls it so
        """Return what torch's layer does, for a state of the layer's size or zeros of another."""
        return super().forward(input, self._begun(hx))

    def _begun(self, hx: State) -> State:
        parts = [] if hx is None else [hx] if isinstance(hx, Tensor) else list(hx)
        widths = [getattr(self, "proj_size", 0) or self.hidden_size, self.hidden_size]
        given = _is_given.get()
        if given is not None:
            with _disable_current_modes():  # to look at values is none of what is followed
                zeros = bool(parts) and all(given(part) and not bool(part.any()) for part in parts)
            return None if zeros else hx
        if all(part.shape[-1] == width for part, width in zip(parts, widths, strict=False)):
            return hx
        watched = bool(_get_current_dispatch_mode_stack()) or torch.compiler.is_compiling()
        if not watched and any(bool(part.any()) for part in parts):
            return hx  # torch says that the size does not fit
        return None


class ExplicitRNN(Recurrent, nn.RNN):
    """torch's `RNN`."""


class ExplicitLSTM(Recurrent, nn.LSTM):
    """torch's `LSTM`."""


class ExplicitGRU(Recurrent, nn.GRU):
    """torch's `GRU`."""


class ExplicitRNNCell(Recurrent, nn.RNNCell):
    """torch's `RNNCell`."""


class ExplicitLSTMCell(Recurrent, nn.LSTMCell):
    """torch's `LSTMCell`."""


class ExplicitGRUCell(Recurrent, nn.GRUCell):
    """torch's `GRUCell`."""


FORMS: dict[type[nn.Module], type[Explicit]] = {
    nn.RNN: ExplicitRNN,
    nn.LSTM: ExplicitLSTM,
    nn.GRU: ExplicitGRU,
    nn.RNNCell: ExplicitRNNCell,
    nn.LSTMCell: ExplicitLSTMCell,
    nn.GRUCell: ExplicitGRUCell,
}
