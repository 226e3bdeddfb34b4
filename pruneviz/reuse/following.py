"""What is known of the storages of a pass, while it runs.

A view shares its storage with what it is a view of, so what is known is known of storages: writing
to a view changes all that share its storage, without any rule for it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, UntypedStorage
from torch.multiprocessing.reductions import StorageWeakRef

from pruneviz.network.study import OperatorMode
from pruneviz.reuse.calls import (
    OperatorCall,
    digest,
)
from pruneviz.reuse.trace import Trace


class State:
    """What is known of a storage: its record, and whether its memory holds the value (`real`)."""

    __slots__ = ("real", "record", "reference")

    def __init__(self, record: int, storage: UntypedStorage, real: bool) -> None:
        self.record, self.real = record, real
        # Its address stays taken as long as this reference is there, its memory does not.
        self.reference = StorageWeakRef(storage)


States = dict[int, State]  # by the storage's address


def states_of(records: Iterable[tuple[Tensor, int]]) -> States:
    """Return what is known of tensors that hold their values, each given with its record."""
    storages = [(tensor.untyped_storage(), record) for tensor, record in records]
    return {s._cdata: State(record, s, real=True) for s, record in storages}


class Following(OperatorMode):
    """Knows of each storage of a pass what it holds."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace
        self._states: States = {}
        self.own: set[int] = set()

    def know(self, tensor: Tensor, record: int, real: bool = True, own: bool = False) -> None:
        """Say what a tensor's storage holds; `own` are the network's parameters and buffers."""
        storage = tensor.untyped_storage()
        self._states[storage._cdata] = State(record, storage, real)
        if own:  # they must not be written to
            self.own.add(storage._cdata)

    def state(self, tensor: Tensor) -> State | None:
        """Return what is known of a tensor, None where nothing is."""
        if tensor.layout is not torch.strided:
            return None
        return self._states.get(tensor.untyped_storage()._cdata)

    def forget(self, tensor: Tensor) -> None:
        """Know nothing of a tensor's storage any more."""
        if tensor.layout is torch.strided:
            self._states.pop(tensor.untyped_storage()._cdata, None)


def records_of(states: list[State | None]) -> list[int | None]:
    """Return the records of what is known, None where nothing is."""
    return [None if state is None else state.record for state in states]


def digests_of(call: OperatorCall, states: list[State | None]) -> tuple[bytes, ...]:
    """Return the contents of a call's tensors that nothing else is known of."""
    unknown = [t for t, state in zip(call.tensors, states, strict=True) if state is None]
    return tuple(digest(tensor.untyped_storage()) for tensor in unknown)
