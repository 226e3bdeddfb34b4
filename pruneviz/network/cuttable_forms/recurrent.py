"""Recurrent layers that are given a first state of one value: cut smaller, they begin with fewer.

The code around a layer makes these zeros or ones, of a size that it may write down anywhere. A
first state of zeros is what a layer takes where none is given, so its size does not matter; of
another value that is the same for all, as many are taken as the layer has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes, _get_current_dispatch_mode_stack

from pruneviz.network.cuttable_forms.form import Explicit

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
    """A recurrent layer that takes zeros, or one value over and over, of any size to begin with."""

    def take_form(self, original: nn.Module) -> None:
        """Remember nothing more: the tensors tell all."""

    def forward(self, input: Any, hx: State = None) -> Any:  # noqa: A002  torch calls it so
        """Return what torch's layer does, for a state of its size or one value in another size."""
        return super().forward(input, self._begun(hx))

    def _begun(self, hx: State) -> State:
        parts = [] if hx is None else [hx] if isinstance(hx, Tensor) else list(hx)
        width: Any = self.hidden_size
        widths = [getattr(self, "proj_size", 0) or width, width]
        given = _is_given.get()
        if given is not None:
            with _disable_current_modes():  # to look at values is none of what is followed
                zeros = bool(parts) and all(given(part) and not bool(part.any()) for part in parts)
            return None if zeros else hx
        if all(part.shape[-1] == own for part, own in zip(parts, widths, strict=False)):
            return hx
        watched = bool(_get_current_dispatch_mode_stack()) or torch.compiler.is_compiling()
        if not watched and not any(bool(part.any()) for part in parts):
            return None
        if not watched and any(bool((part != part[..., :1]).any()) for part in parts):
            return hx  # torch says that the size does not fit
        begun = tuple(
            part[..., :1].expand(*part.shape[:-1], own).contiguous()
            for part, own in zip(parts, widths, strict=False)
        )
        return begun[0] if isinstance(hx, Tensor) else (begun[0], begun[1])


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
