"""Ids for every index of every parameter axis, and what the trace learns about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.coupling.remembered import Reads

UNKNOWN = -1  # a position of a tensor that no parameter index stands behind


Kind = Literal["tensor", "call", "attribute"]


@dataclass(frozen=True)
class Axis:
    """One axis of one parameter or buffer: its indices are the ids `first` … `first + size - 1`.

    Of kind "call" it is a dimension that an operator call averages over, and `parameter` names the
    call; of kind "attribute" a size that a module remembers, `parameter` is its path, and `axis`
    the place in it where it holds several.
    """

    parameter: str
    axis: int
    first: int
    size: int
    kind: Kind = "tensor"


@dataclass
class Ids:
    """The bookkeeping of one trace: axes with their ids, which ids go together, which must stay."""

    model: nn.Module
    axes: list[Axis] = field(default_factory=list)
    producers: list[int] = field(default_factory=list)
    edges: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    fixed: list[tuple[np.ndarray, str]] = field(default_factory=list)
    choices: dict[tuple[str, str], list[np.ndarray]] = field(default_factory=dict)
    readings: dict[tuple[str, str], tuple[bool, int]] = field(default_factory=dict)
    reads: Reads = field(default_factory=dict)
    total: int = 0

    def __post_init__(self) -> None:
        named = [*self.model.named_parameters(), *self.model.named_buffers()]
        self._names = {id(tensor): name for name, tensor in named}
        self._buffers = {name for name, _ in self.model.named_buffers()}
        self._of_parameter: dict[str, list[Axis]] = {}
        self._tensors = [tensor for _, tensor in named]
        self._virtual: dict[tuple[str, int], Axis] = {}

    def of_parameter(self, tensor: Tensor) -> tuple[Tensor, ...] | None:
        """Return one id tensor (of the parameter's shape) for each axis longer than 1, or None."""
        name = self._names.get(id(tensor))
        if name is None or tensor.ndim == 0:
            return None
        if name not in self._of_parameter:
            self._of_parameter[name] = [
                self._new_axis(name, axis, size)
                for axis, size in enumerate(tensor.shape)
                if size > 1
            ]
        return tuple(_along(axis, tensor.shape) for axis in self._of_parameter[name])

    def depends(self, kind: Kind, name: str, place: int, ids: Tensor) -> None:
        """Record that a call, or a size that a module remembers, follows what becomes of `ids`.

        `ids` are those along one dimension, shape (n,). The same name and place is the same size
        of a module.
        """
        axis = self._virtual.get((name, place))
        if (
            axis is None or kind == "call"
        ):  # where dimensions were merged, each has a say of its own
            axis = self._virtual[name, place] = self._new_axis(name, place, len(ids), kind)
        if axis.size != len(ids):
            self.fix(ids, f"`{name}` holds two sizes")
            return
        known = ids >= 0
        own = torch.arange(axis.first, axis.first + axis.size)
        self.unite(ids[known], own[known])

    def choose(self, key: str, owner: str, ids: Tensor, layout: int, ties: bool) -> None:
        """Record that one of several readings of a call by the module `owner` was taken.

        `ties` says that it can be tied to what the module takes in.
        """
        before, _ = self.readings.get((key, owner), (False, layout))
        self.readings[key, owner] = (ties or before, layout)
        self.choices.setdefault((key, owner), []).append(np.unique(ids.reshape(-1).numpy()))

    def _new_axis(self, name: str, axis: int, size: int, kind: Kind = "tensor") -> Axis:
        self.axes.append(Axis(name, axis, self.total, size, kind))
        self.total += size
        return self.axes[-1]

    def unite(self, first: Tensor, second: Tensor) -> None:
        """Record that ids at the same position go together; ids beside an UNKNOWN must stay."""
        pairs = torch.stack([first.reshape(-1), second.reshape(-1)]).numpy()
        known = (pairs >= 0).all(axis=0)
        self.edges.append((pairs[0, known], pairs[1, known]))
        alone = pairs[:, ~known].reshape(-1)
        self.fix(torch.from_numpy(alone), "they are combined with values of a fixed size")

    def fix(self, ids: Tensor, reason: str, foremost: bool = False) -> None:
        """Record that these ids must stay, and why (the end of a sentence about the units)."""
        known = np.unique(ids.reshape(-1).numpy())
        known = known[known >= 0]
        if known.size:
            self.fixed.insert(0 if foremost else len(self.fixed), (known, reason))

    def produced_by(self, ids: Tensor) -> None:
        """Record that these ids are a layer's outputs, so that their axis is one to prune."""
        first = int(ids.reshape(-1)[0])
        if first >= 0:
            index = int(np.searchsorted([axis.first for axis in self.axes], first, "right")) - 1
            learned = self.axes[index].parameter not in self._buffers
            if index not in self.producers and learned:
                self.producers.append(index)


def _along(axis: Axis, shape: torch.Size) -> Tensor:
    ids = torch.arange(axis.first, axis.first + axis.size)
    view = [1] * len(shape)
    view[axis.axis] = axis.size
    return ids.view(view).expand(shape)


def collapse(ids: Tensor) -> Tensor:
    """Return the same ids with stride 0 wherever they do not vary, which keeps them small."""
    for dim in range(ids.ndim):
        if ids.shape[dim] > 1 and ids.stride(dim) != 0:
            first = ids.narrow(dim, 0, 1)
            if bool((first == ids).all()):
                ids = first.expand(ids.shape)
    return ids


def varying(ids: Tensor) -> tuple[int, ...]:
    """Return the dimensions along which collapsed ids vary."""
    return tuple(d for d in range(ids.ndim) if ids.shape[d] > 1 and ids.stride(d) != 0)


def line(ids: Tensor, dim: int) -> Tensor:
    """Return the ids along one dimension, shape (n,), of those that vary along it alone."""
    return ids.movedim(dim, -1).reshape(-1, ids.shape[dim])[0]


def small(ids: Tensor) -> Tensor:
    """Return the ids with every dimension along which they do not vary cut to length 1."""
    for dim in range(ids.ndim):
        if ids.shape[dim] > 1 and ids.stride(dim) == 0:
            ids = ids.narrow(dim, 0, 1)
    return ids
