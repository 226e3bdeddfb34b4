"""Ids for every index of every parameter axis, and what the trace learns about them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn

from pruneviz.coupling.remembered import Reads
from pruneviz.wording import Fact, stays

UNKNOWN = -1  # a position of a tensor that no parameter index stands behind


Meeting = Literal["sum", "product"]
Kind = Literal["tensor", "call", "attribute", "place"]


@dataclass(frozen=True)
class Axis:
    """One axis of one parameter or buffer: its indices are the ids `first` … `first + size - 1`.

    Of kind "call" it is a dimension that an operator call averages over, and `parameter` names the
    call; of kind "attribute" a size that a module remembers, `parameter` is its path, and `axis`
    the place in it where it holds several; of kind "place" what stands on one side of a bound that
    is counted in a call.
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
    sums: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    products: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    fixed: list[tuple[np.ndarray, Fact]] = field(default_factory=list)
    met: dict[tuple[str, str], list[np.ndarray]] = field(default_factory=dict)
    heads: list[np.ndarray] = field(default_factory=list)
    interpretations: dict[tuple[str, str], tuple[bool, int]] = field(default_factory=dict)
    reads: Reads = field(default_factory=dict)
    total: int = 0

    def __post_init__(self) -> None:
        named = [*self.model.named_parameters(), *self.model.named_buffers()]
        self._names = {id(tensor): name for name, tensor in named}
        self._buffers = {name for name, _ in self.model.named_buffers()}
        self._of_parameter: dict[str, list[Axis]] = {}
        self._tensors = [tensor for _, tensor in named]
        self._virtual: dict[tuple[str, int], Axis] = {}
        self._firsts: list[int] = []
        self._held: set[int] = set()

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
            self.fix(ids, stays.two_sizes(name))
            return
        known = ids >= 0
        own = torch.arange(axis.first, axis.first + axis.size)
        self.unite(ids[known], own[known])

    def apart(self, key: str, ids: Tensor) -> None:
        """Record that a call counts these ids, shape (n,): they are units of a group of their own.

        Where they go, what comes after them has another place.
        """
        axis = self._new_axis(key, 0, len(ids), "place")
        known = ids >= 0
        self.unite(ids[known], torch.arange(axis.first, axis.first + axis.size)[known])

    def choose(self, key: str, owner: str, ids: Tensor, interpretation: int, ties: bool) -> None:
        """Record that one of several interpretations of a call by the module `owner` was taken.

        `ties` says that it can be tied to what the module takes in.
        """
        before, _ = self.interpretations.get((key, owner), (False, interpretation))
        self.interpretations[key, owner] = (ties or before, interpretation)
        self.met.setdefault((key, owner), []).append(distinct(ids.reshape(-1).numpy()))

    def in_parallel(self, ids: Tensor) -> None:
        """Record that attention runs beside itself over these ids: they are heads."""
        self.heads.append(distinct(ids.reshape(-1).numpy()))

    def _new_axis(self, name: str, axis: int, size: int, kind: Kind = "tensor") -> Axis:
        self.axes.append(Axis(name, axis, self.total, size, kind))
        self._firsts.append(self.total)
        self.total += size
        return self.axes[-1]

    def unite(self, first: Tensor, second: Tensor, met: Meeting | None = None) -> None:
        """Record that ids at the same position go together; ids beside an UNKNOWN must stay.

        `met` says that they are one value from here on, or laid side by side: what becomes of one
        becomes of the other.
        """
        one, other = first.reshape(-1).numpy(), second.reshape(-1).numpy()
        if one.size != other.size:
            raise ValueError(f"{one.size} ids cannot be united with {other.size}")
        known = (one >= 0) & (other >= 0)
        if met is not None:
            held = self.sums if met == "sum" else self.products
            held.append((one[known], other[known]))
        if known.all():
            self.edges.append((one, other))
            return
        self.edges.append((one[known], other[known]))
        alone = np.concatenate([one[~known], other[~known]])
        self.fix(torch.from_numpy(alone), stays.combined())

    def fix(self, ids: Tensor, why: Fact, foremost: bool = False) -> None:
        """Record that these ids must stay, and why."""
        known = ids.reshape(-1).numpy()
        known = distinct(known[known >= 0])
        if known.size:
            self._held.update(known.tolist())
            self.fixed.insert(0 if foremost else len(self.fixed), (known, why))

    def are_held(self, ids: Tensor) -> bool:
        """Return whether every one of these ids is known to stay."""
        return bool(self._held) and self._held.issuperset(small(ids).reshape(-1).tolist())

    def is_buffer(self, tensor: Tensor) -> bool:
        """Return whether a tensor is one of the model's buffers."""
        return self._names.get(id(tensor)) in self._buffers

    def are_buffers(self, tags: Sequence[Tensor]) -> bool:
        """Return whether all ids of a tensor that has some are those of buffers."""
        firsts = [int(small(tag).reshape(-1).max()) for tag in tags]
        indices = [bisect_right(self._firsts, first) - 1 for first in firsts]
        return bool(tags) and all(self.axes[i].parameter in self._buffers for i in indices)

    def produced_by(self, ids: Tensor) -> None:
        """Record that these ids are a layer's outputs, so that their axis is one to prune."""
        first = int(ids.reshape(-1)[0])
        if first >= 0:
            index = bisect_right(self._firsts, first) - 1
            learned = self.axes[index].parameter not in self._buffers
            if index not in self.producers and learned:
                self.producers.append(index)


def distinct(numbers: np.ndarray) -> np.ndarray:
    """Return the different whole numbers (at least 0, or UNKNOWN) of an array, in order."""
    ordered: np.ndarray = np.sort(numbers, axis=None)
    first: np.ndarray = ordered[np.diff(ordered, prepend=UNKNOWN - 1) != 0]
    return first


def connected(edges: Sequence[tuple[np.ndarray, np.ndarray]], count: int) -> tuple[np.ndarray, int]:
    """Return the connected component of each of `count` ids, (count,), and how many there are."""
    nothing = np.zeros(0, np.int64)
    first = np.concatenate([a for a, _ in edges] or [nothing])
    second = np.concatenate([b for _, b in edges] or [nothing])
    graph = coo_matrix((np.ones(first.size, bool), (first, second)), shape=(count, count))
    found, component = connected_components(graph, directed=False)
    return component, found


def _along(axis: Axis, shape: torch.Size) -> Tensor:
    ids = torch.arange(axis.first, axis.first + axis.size)
    view = [1] * len(shape)
    view[axis.axis] = axis.size
    return ids.view(view).expand(shape)


def collapse(ids: Tensor) -> Tensor:
    """Return the same ids with stride 0 wherever they do not vary, which keeps them small."""
    held = small(ids)
    for dim in range(held.ndim):
        if held.shape[dim] > 1:
            first = held.narrow(dim, 0, 1)
            # Where they vary, the first two mostly differ already.
            alike = torch.equal(first, held.narrow(dim, 1, 1))
            if alike and bool((first == held).all()):
                held = first.clone()  # or it would hold all that it was taken from
    return ids if held.shape == ids.shape else held.expand(ids.shape)


def reshaped(ids: Tensor, shape: Sequence[int]) -> Tensor:
    """Return ids in another shape, row by row; what does not vary stays small."""
    if not ids.numel() or math.prod(shape) != ids.numel():
        return ids.reshape(tuple(shape))
    before, after = list(ids.shape), list(shape)
    for old, new in _factors(ids.shape, shape):
        if not any(ids.shape[d] > 1 and ids.stride(d) != 0 for d in old):
            for d in old:
                ids, before[d] = ids.narrow(d, 0, 1), 1
            for d in new:
                after[d] = 1
    return ids.reshape(after).expand(tuple(shape))


def _factors(before: Sequence[int], after: Sequence[int]) -> list[tuple[range, range]]:
    """Return the smallest runs of dimensions that hold as many positions before as after."""
    runs = []
    i = j = 0
    while i < len(before) or j < len(after):
        end_i, end_j = min(i + 1, len(before)), min(j + 1, len(after))
        while (held := math.prod(before[i:end_i])) != (wanted := math.prod(after[j:end_j])):
            if held < wanted:
                end_i += 1
            else:
                end_j += 1
        runs.append((range(i, end_i), range(j, end_j)))
        i, j = end_i, end_j
    return runs


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
