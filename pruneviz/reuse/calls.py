"""An operator call as a key: two calls with the same key give the same bits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, UntypedStorage

from pruneviz.network.lent import written_by

_PLAIN = frozenset(
    [int, bool, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format]
)
_ATOMS = _PLAIN | {float}
_TENSOR = "tensor"
UNKNOWN = -1  # stands in a key for a tensor that is known by its content alone


class Place(NamedTuple):
    """How a tensor lies in its storage."""

    dtype: torch.dtype
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


def place_of(tensor: Tensor) -> Place:
    """Return how a strided tensor lies in its storage."""
    offset = int(tensor.storage_offset())
    return Place(tensor.dtype, tuple(tensor.shape), tensor.stride(), offset)


def _key_of(record: int | None, t: Tensor) -> tuple[Any, ...]:
    """Return a record and the tensor's place as a plain tuple: one is made for each argument."""
    return (UNKNOWN if record is None else record,
            t.dtype, t.shape, t.stride(), t.storage_offset())  # fmt: skip


def tensor_in(storage: UntypedStorage, place: Place) -> Tensor:
    """Return the tensor that lies so in a storage; nothing is copied."""
    empty = torch.empty(0, dtype=place.dtype, device=storage.device)
    return empty.set_(storage, place.offset, place.size, place.stride)


def bytes_of(storage: UntypedStorage) -> Tensor:
    """Return a storage's bytes, as few large numbers as they fill."""
    for dtype in (torch.int64, torch.int8):
        if storage.nbytes() % dtype.itemsize == 0:
            break
    count = storage.nbytes() // dtype.itemsize
    return tensor_in(storage, Place(dtype, (count,), (1,), 0))


def digest(storage: UntypedStorage) -> bytes:
    """Return the BLAKE2 digest of a storage's bytes."""
    return hashlib.blake2b(bytes_of(storage).cpu().numpy().data, digest_size=16).digest()


def is_followed(tensor: Tensor) -> bool:
    """Whether a tensor is its place in a storage and nothing else (not sparse, not conjugated)."""
    return tensor.layout is torch.strided and not tensor.is_conj() and not tensor.is_neg()


@cache
def may_view(op: Any) -> bool:
    """Whether an operator may return a part of an argument that it does not write to."""
    returns = op._schema.returns
    return any(r.alias_info is not None and not r.alias_info.is_write for r in returns)


class OperatorCall:
    """One operator call, taken apart: `tensors` in order, and `shape`, all that is beside them."""

    __slots__ = ("_shape", "args", "func", "kwargs", "tensors")

    def __init__(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs
        self.tensors: list[Tensor] = []
        self._shape: Any = _UNSEEN
        for value in args:
            _gather(value, self.tensors)
        for name in sorted(kwargs) if kwargs else ():
            _gather(kwargs[name], self.tensors)

    @property
    def shape(self) -> Any:
        """Return what the call is beside its tensors, None where that is no plain value."""
        if self._shape is _UNSEEN:
            odd: list[Any] = []
            parts = [_shape(value, odd) for value in self.args]
            parts += [(name, _shape(self.kwargs[name], odd)) for name in sorted(self.kwargs)]
            plain = not odd and all(map(is_followed, self.tensors))
            self._shape = tuple(parts) if plain else None
        return self._shape

    def key(self, records: Sequence[int | None]) -> Any:
        """Return what two calls have in common that give the same bits.

        `records` are those of `tensors`. Those without one count by their place alone: their
        content must be compared beside the key.
        """
        return (self.func, self.shape, *map(_key_of, records, self.tensors))

    def written(self) -> list[int]:
        """Return which of `tensors` the call writes to, by number."""
        places = written_by(self.func)
        if not places:
            return []
        targets: list[Tensor] = []
        for place, name in places:
            value = self.args[place] if place < len(self.args) else self.kwargs.get(name)
            _gather(value, targets)
        found = {id(target) for target in targets}
        return [i for i, tensor in enumerate(self.tensors) if id(tensor) in found]

    def with_tensors(self, tensors: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments with others in place of the tensors."""
        others = iter(tensors)
        args = [mapped(value, lambda _: next(others)) for value in self.args]
        given = {k: mapped(self.kwargs[k], lambda _: next(others)) for k in sorted(self.kwargs)}
        return args, given


_UNSEEN = object()


def _gather(value: Any, tensors: list[Tensor]) -> None:
    if isinstance(value, Tensor):
        tensors.append(value)
    elif type(value) not in _ATOMS and isinstance(value, list | tuple):
        for part in value:
            _gather(part, tensors)


def _shape(value: Any, odd: list[Any]) -> Any:
    """Return what a value is beside its tensors; what is no plain value is added to `odd`."""
    kind = type(value)
    if kind in _PLAIN:
        return (kind, value)  # 1 and True are equal, and not the same
    if isinstance(value, Tensor):
        return _TENSOR
    if kind is float:
        return (float, value.hex())  # 0.0 and -0.0 are equal, and not the same
    if kind is list or kind is tuple:
        return (kind, *[_shape(part, odd) for part in value])
    odd.append(value)
    return None


def mapped(value: Any, change: Callable[[Any], Any], leaf: type | tuple[type, ...] = Tensor) -> Any:
    """Return nested lists and tuples with each leaf of a type changed."""
    if isinstance(value, leaf):
        return change(value)
    if isinstance(value, list):
        return [mapped(part, change, leaf) for part in value]
    if isinstance(value, tuple):
        return tuple(mapped(part, change, leaf) for part in value)
    return value


def leaves(value: Any) -> Iterator[Any]:
    """Yield what nested lists and tuples hold."""
    if isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value
