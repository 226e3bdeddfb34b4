"""Tensors that stand in a network's code alone, such as literals: its recipe has their values."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pruneviz.network.held import LIFTED
from pruneviz.wording import RefusedError, said_by
from pruneviz.wording.refusals import exporting


class Constants:
    """Finds under which name a graph's tensor is held; those that nobody holds are its `own`."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._state = state
        self.own: dict[str, Tensor] = {}

    def name(self, target: str, value: Tensor) -> str:
        """Return the name of the tensor that a graph calls `target`, one of its own if need be."""
        held = self._state.get(target)
        if held is not None and (not target.startswith(LIFTED) or _same(held, value)):
            return target
        for name, tensor in (*self._state.items(), *self.own.items()):
            if _same(tensor, value):
                return name
        if value.layout is not torch.strided:
            raise RefusedError(exporting.layout_not_held(str(value.layout)))
        name = f"constant_{len(self.own)}"
        while name in self._state:
            name += "_"
        self.own[name] = value.detach().clone()
        return name


def as_text(tensor: Tensor) -> str:
    """Return a tensor's values as text: its bytes in base64."""
    return base64.b64encode(bytes(tensor.contiguous().flatten().view(torch.uint8).numpy())).decode()


def read_constants(tensors: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    """Return the tensors whose values stand in a recipe; ValueError where they do not fit."""
    return {name: _read(name, each) for name, each in tensors.items() if "values" in each}


def _read(name: str, entry: Mapping[str, Any]) -> Tensor:
    dtype = getattr(torch, str(entry["dtype"]), None)
    try:
        if not isinstance(dtype, torch.dtype):
            raise RefusedError(exporting.no_dtype(str(entry["dtype"])))
        content = bytearray(base64.b64decode(entry["values"], validate=True))
        made = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        return made.reshape(entry["shape"])
    except (ValueError, RuntimeError, binascii.Error) as error:
        raise RefusedError(exporting.constant_damaged(name, said_by(error))) from error


def _same(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape or one.layout != other.layout:
        return False
    return bool(torch.equal(one, other))
