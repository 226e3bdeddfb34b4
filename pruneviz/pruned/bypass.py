"""A module that is left out: what goes in comes out, and its weights are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.granularity.bypassable import first, read_bypass
from pruneviz.granularity.units import belongs
from pruneviz.network.masks import with_parameters
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting

PLAIN = (bool, int, float, str, type(None), torch.dtype)
_ANY_MODULE = frozenset(vars(nn.Module()))


class Bypass(nn.Module):
    """Returns the first argument of a call, whatever else it is given, where `parts` in a tuple.

    The code around a block may read its settings, or those of its parts (`layer.attn.batch_first`):
    these stay, as far as they are plain values. Tensors do not.
    """

    def __init__(self, instead_of: nn.Module, parts: int = 0) -> None:
        super().__init__()
        for name, value in vars(instead_of).items():
            if name not in _ANY_MODULE and all(isinstance(x, PLAIN) for x in tree_leaves(value)):
                setattr(self, name, value)
        for name, part in instead_of.named_children():
            self.add_module(name, Bypass(part))
        self._instead_of: str = getattr(instead_of, "_instead_of", type(instead_of).__name__)
        self._parts, self.training = parts, instead_of.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the first argument, and nothing in the place of what stood beside it."""
        given = first(args, kwargs)
        return (given, *[None] * (self._parts - 1)) if self._parts else given

    def __repr__(self) -> str:
        """Return what it stands for, without its parts, which compute nothing."""
        return f"Bypass({self._instead_of})"


def is_bypassed(name: str, bypassed: Iterable[str]) -> bool:
    """Return whether a parameter, buffer or attribute belongs to a bypassed module."""
    return any(belongs(name, read_bypass(each)[0]) for each in bypassed)


def names_left(model: nn.Module, bypassed: Sequence[str]) -> dict[str, str | None]:
    """Return for each tensor of a model what it is called without the bypassed modules.

    A tensor that several modules share may go on under another name; None where it goes.
    """
    every = [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]
    left: dict[int, str] = {}
    for name, tensor in every:
        if not is_bypassed(name, bypassed):
            left.setdefault(id(tensor), name)
    firsts = [*model.named_parameters(), *model.named_buffers()]
    return {name: left.get(id(tensor)) for name, tensor in firsts}


def with_bypasses(
    model: nn.Module, bypassed: Sequence[str], replaced: Mapping[str, Tensor]
) -> nn.Module:
    """Return a copy of a model with tensors replaced by name, and modules bypassed.

    Nothing that goes is copied. ValueError where the model has no such module.
    """
    if not bypassed:
        return with_parameters(model, replaced)
    modules = dict(model.named_modules())
    places = dict(map(read_bypass, bypassed))
    for path in places:
        if path not in modules:
            raise RefusedError(cutting.no_module_to_bypass(path))
    gone = {n: torch.empty(0) for n, left in names_left(model, bypassed).items() if left is None}
    copied = with_parameters(model, {**replaced, **gone})
    for path, parts in places.items():
        copied.set_submodule(path, Bypass(copied.get_submodule(path), parts))
    return copied


__all__ = ["Bypass", "is_bypassed", "names_left", "with_bypasses"]
