"""Every tensor that a network holds, also those of which its state_dict knows nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

LIFTED = "lifted_tensor_"  # how torch.export calls a tensor that no module has by a name
_MODULE = frozenset(vars(nn.Module()))


def held_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return a network's tensors by name: its state, then other buffers and plain attributes.

    They are what its weights file holds. What a state_dict has beside tensors is no part of it.
    """
    state = model.state_dict()
    found = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    known = {id(t) for t in (*model.parameters(), *model.buffers())}
    places = {_place(t) for t in found.values()}
    for path, buffer in model.named_buffers():
        if path not in found and _place(buffer) not in places:
            found[path] = buffer
    seen: set[int] = set()
    lifted = 0
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name in _MODULE:
                continue
            for where, tensor in _within(value, f"{path}.{name}" if path else name, seen):
                if id(tensor) not in known:
                    known.add(id(tensor))
                    found[where or f"{LIFTED}{lifted}"] = tensor
                    lifted += not where
    return found


def held_by_name(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor that a network holds, by the name of the attribute that it lies in."""
    seen: set[int] = set()
    for path, module in model.named_modules():
        start = f"{path}." if path else ""
        for part in (module._parameters, module._buffers, vars(module)):
            for name, value in part.items():
                if name not in _MODULE:
                    for _, tensor in _within(value, "", seen):
                        yield start + name, tensor


def _place(tensor: Tensor) -> object:
    lies = tensor.numel() and tensor.layout is torch.strided
    return tensor.data_ptr() if lies else id(tensor), tensor.shape, tensor.dtype


def _within(value: Any, where: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors in a plain attribute: itself by name, and "" for those in what it holds."""
    if isinstance(value, Tensor):
        yield where, value
    elif isinstance(value, nn.Module):
        yield from (("", tensor) for tensor in held_tensors(value).values())
    elif id(value) not in seen and (parts := _parts(value)):
        seen.add(id(value))
        for part in parts:
            yield from _within(part, "", seen)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | deque):
        return list(value)
    if is_dataclass(value) and not isinstance(value, type):
        return list(vars(value).values()) if hasattr(value, "__dict__") else []
    return []
