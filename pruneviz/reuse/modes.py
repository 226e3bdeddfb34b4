"""Two passes over one batch: one that notes every call, one that repeats what is known of it.

A view shares its storage with what it is a view of, so what is known is known of storages: writing
to a view changes all that share its storage, without any rule for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, UntypedStorage
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from pruneviz.reuse.calls import (
    Call,
    Place,
    bytes_of,
    digest,
    leaves,
    mapped,
    may_view,
    place_of,
    tensor_in,
)
from pruneviz.reuse.trace import Content, Fresh, Node, Ref, Same, Trace

POISON = -1  # all bits set: not a number in every floating-point type


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


class Following(TorchDispatchMode):
    """Knows of each storage of a pass what it holds."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.trace = trace
        self._states: States = {}
        self.own: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: or torch imports its compiler, for seconds, just to switch it off."""
        return False

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


def _records(states: list[State | None]) -> list[int | None]:
    return [None if state is None else state.record for state in states]


def _digests(call: Call, states: list[State | None]) -> tuple[bytes, ...]:
    """Return the contents of a call's tensors that nothing else is known of."""
    unknown = [t for t, state in zip(call.tensors, states, strict=True) if state is None]
    return tuple(digest(tensor.untyped_storage()) for tensor in unknown)


class Recording(Following):
    """Computes everything, and notes every call that depends on the input or on the network."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self.writes_own = False
        self._contents: dict[bytes, UntypedStorage] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        call = Call(func, args, kwargs or {})
        states = [self.state(tensor) for tensor in call.tensors]
        if not any(states):
            return func(*args, **(kwargs or {}))
        written = call.written()
        for number in written:
            if call.tensors[number].untyped_storage()._cdata in self.own:
                self.writes_own = True
        if call.shape is None:
            out = func(*args, **(kwargs or {}))
            for number in written:
                self.forget(call.tensors[number])
            return out
        key, contents = call.key(_records(states)), _digests(call, states)
        node = self.trace.find(key, lambda: contents)
        inputs = () if node else self._inputs(call, states, contents)
        out = func(*args, **(kwargs or {}))
        if node is None:
            node = self._noted(call, inputs, contents, written, out)
            if node is None:
                for number in written:
                    self.forget(call.tensors[number])
                return out
            self.trace.add(key, node)
        self._commit(node, call, out)
        return out

    def _inputs(
        self, call: Call, states: list[State | None], contents: tuple[bytes, ...]
    ) -> tuple[Ref | Content, ...]:
        found: list[Ref | Content] = []
        waiting = iter(contents)
        for tensor, state in zip(call.tensors, states, strict=True):
            if state is not None:
                found.append(Ref(state.record, place_of(tensor)))
                continue
            content = next(waiting)
            if content not in self._contents:
                self._contents[content] = tensor.untyped_storage().clone()
            found.append(Content(self._contents[content], place_of(tensor)))
        return tuple(found)

    def _noted(
        self,
        call: Call,
        inputs: tuple[Ref | Content, ...],
        contents: tuple[bytes, ...],
        written: list[int],
        out: Any,
    ) -> Node | None:
        """Return a call as a part of the graph, None where it is of a kind that is not followed."""
        if any(place_of(call.tensors[number]) != inputs[number].place for number in written):
            return None  # it changed where its argument lies
        if any(isinstance(t, Tensor) and t.layout is not torch.strided for t in leaves(out)):
            return None
        targets = {call.tensors[n].untyped_storage()._cdata: n for n in written}
        records = {address: self.trace.new_record() for address in targets}
        answer, parts = self._answer(call, out, dict(records))
        fresh = [leaf for leaf in leaves(answer) if isinstance(leaf, Fresh)]
        if parts and (written or fresh):
            return None  # it answers with a part of what it wrote, or with both old and new
        args, kwargs = call.with_tensors(inputs)
        writes = tuple((n, records[address]) for address, n in targets.items())
        is_view = not written and not fresh and _all_tensors(out)
        return Node(call.func, args, kwargs, inputs, contents, writes, answer, is_view)

    def _answer(self, call: Call, out: Any, records: dict[int, int]) -> tuple[Any, bool]:
        """Return a call's answer as a graph has it, and whether it holds parts of arguments."""
        parts = False
        places: dict[tuple[int, Place], int] = {}
        for number, tensor in enumerate(call.tensors):
            places.setdefault((tensor.untyped_storage()._cdata, place_of(tensor)), number)
        taken = {address for address, _ in places}

        def noted(tensor: Tensor) -> Any:
            nonlocal parts
            storage, place = tensor.untyped_storage(), place_of(tensor)
            if storage._cdata in taken:
                parts = parts or (storage._cdata, place) not in places
                return Same(places.get((storage._cdata, place), -1))
            if storage._cdata not in records:
                records[storage._cdata] = self.trace.new_record()
            return Fresh(Ref(records[storage._cdata], place), storage.nbytes(), storage.device)

        return mapped(out, noted), parts

    def _commit(self, node: Node, call: Call, out: Any) -> None:
        """Know what the storages hold that a call made or wrote to."""
        for number, record in node.writes:
            self.know(call.tensors[number], record)
        for noted, actual in zip(leaves(node.answer), leaves(out), strict=True):
            if isinstance(noted, Fresh):
                self.know(actual, noted.ref.record)


def _all_tensors(out: Any) -> bool:
    return all(isinstance(leaf, Tensor) for leaf in leaves(out))


class Replaying(Following):
    """Computes only what depends on what changed; the rest is stood in for by untouched memory.

    `known` is what is known before the pass, of the network's tensors; it is not written to.
    `fetch` gives the value of a record. `computed` counts calls on known values that were not known
    themselves, `followed` those on nothing but what such calls made. With `poison`, memory that
    stands in is filled with what is no number, so that code that reads it shows.
    """

    def __init__(
        self,
        trace: Trace,
        known: States,
        fetch: Callable[[int], UntypedStorage],
        poison: bool = False,
    ) -> None:
        super().__init__(trace)
        self._states = dict(known)
        self._fetch, self._poison = fetch, poison
        self.computed = self.followed = 0

    def stand_in(self, ref: Ref, device: torch.device, nbytes: int | None = None) -> Tensor:
        """Return a tensor for a known value, in memory of its own that holds something else."""
        place = ref.place
        made = torch.empty_strided(place.size, place.stride, dtype=place.dtype, device=device)
        if nbytes not in (None, made.untyped_storage().nbytes()) or place.offset:
            made = tensor_in(UntypedStorage(nbytes, device=device), place)
        self._stale(made, ref.record)
        return made

    def _stale(self, tensor: Tensor, record: int) -> None:
        self.know(tensor, record, real=False)
        if self._poison:
            bytes_of(tensor.untyped_storage()).fill_(POISON)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        call = Call(func, args, kwargs or {})
        states = [self.state(tensor) for tensor in call.tensors]
        if not any(states):
            self.followed += bool(states) and not may_view(func)
            return func(*args, **(kwargs or {}))
        node = None
        if None not in states or func in self.trace.with_contents:
            node = self._found(call, states)
        if node is None:
            self.computed += 1
            return self._compute(call, states)
        return func(*args, **(kwargs or {})) if node.is_view else self._repeat(node, call)

    def _found(self, call: Call, states: list[State | None]) -> Node | None:
        """Return what is known of a call, None where nothing is."""
        if call.shape is None:
            return None
        return self.trace.find(call.key(_records(states)), lambda: _digests(call, states))

    def _repeat(self, node: Node, call: Call) -> Any:
        """Return what stands for a known call's answer."""
        for number, record in node.writes:
            self._stale(call.tensors[number], record)
        if isinstance(node.answer, Fresh):
            return self.stand_in(node.answer.ref, node.answer.device, node.answer.nbytes)
        made: dict[int, UntypedStorage] = {}

        def answer(leaf: Fresh | Same) -> Tensor:
            if isinstance(leaf, Same):
                return call.tensors[leaf.tensor]
            if leaf.ref.record in made:
                return tensor_in(made[leaf.ref.record], leaf.ref.place)
            tensor = self.stand_in(leaf.ref, leaf.device, leaf.nbytes)
            made[leaf.ref.record] = tensor.untyped_storage()
            return tensor

        return mapped(node.answer, answer, (Fresh, Same))

    def _compute(self, call: Call, states: list[State | None]) -> Any:
        """Compute a call that is not known, on real values."""
        written = call.written()
        stale = {n: s for n, s in enumerate(states) if s is not None and not s.real}
        if not stale and not written:
            return call.func(*call.args, **call.kwargs)
        in_place = list(stale) if may_view(call.func) or call.shape is None else written
        for number in in_place:
            if number in stale:
                self._fill(call.tensors[number], stale.pop(number))
        tensors = list(call.tensors)
        for number, state in stale.items():
            value = self._fetch(state.record)
            tensors[number] = tensor_in(value, place_of(call.tensors[number]))
        args, kwargs = call.with_tensors(tensors)
        out = call.func(*args, **kwargs)
        if stale and self._borrows(out, [tensors[number] for number in stale]):
            for number, state in stale.items():
                self._fill(call.tensors[number], state)
            args, kwargs = call.with_tensors(call.tensors)
            out = call.func(*args, **kwargs)
        for number in written:
            self.forget(call.tensors[number])
        return out

    def _fill(self, tensor: Tensor, state: State) -> None:
        """Put the value into the memory that stood in for it."""
        tensor.untyped_storage().copy_(self._fetch(state.record))
        state.real = True

    @staticmethod
    def _borrows(out: Any, lent: list[Tensor]) -> bool:
        """Whether an answer lies in a value that was lent to the call."""
        mine = {tensor.untyped_storage()._cdata for tensor in lent}
        found = [leaf for leaf in leaves(out) if isinstance(leaf, Tensor)]
        return any(t.layout is torch.strided and t.untyped_storage()._cdata in mine for t in found)

    def value(self, tensor: Tensor) -> Tensor:
        """Return a tensor of this pass with its real value."""
        state = self.state(tensor)
        if state is None or state.real:
            return tensor
        logits = self.trace.logits
        if logits is not None and self.trace.answer == Ref(state.record, place_of(tensor)):
            return logits
        return tensor_in(self._fetch(state.record), place_of(tensor)).clone()

    def settle(self) -> None:
        """Put the values into all memory of the pass that outlives it: somebody keeps it."""
        for state in self._states.values():
            if not state.real and not state.reference.expired():
                storage = UntypedStorage._new_with_weak_ptr(state.reference.cdata)
                if storage is not None:
                    storage.copy_(self._fetch(state.record))
