"""A pass that computes everything, and notes every call that depends on the input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, UntypedStorage

from pruneviz.reuse.calls import (
    OperatorCall,
    Place,
    leaves,
    mapped,
    place_of,
)
from pruneviz.reuse.following import Following, State, digests_of, records_of
from pruneviz.reuse.trace import Content, Fresh, Node, Ref, Same, Trace


class Recording(Following):
    """Computes everything, and notes every call that depends on the input or on the network."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self.writes_own = False
        self._contents: dict[bytes, UntypedStorage] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        call = OperatorCall(func, args, kwargs or {})
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
        key, contents = call.key(records_of(states)), digests_of(call, states)
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
        self, call: OperatorCall, states: list[State | None], contents: tuple[bytes, ...]
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
        call: OperatorCall,
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

    def _answer(self, call: OperatorCall, out: Any, records: dict[int, int]) -> tuple[Any, bool]:
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

    def _commit(self, node: Node, call: OperatorCall, out: Any) -> None:
        """Know what the storages hold that a call made or wrote to."""
        for number, record in node.writes:
            self.know(call.tensors[number], record)
        for noted, actual in zip(leaves(node.answer), leaves(out), strict=True):
            if isinstance(noted, Fresh):
                self.know(actual, noted.ref.record)


def _all_tensors(out: Any) -> bool:
    return all(isinstance(leaf, Tensor) for leaf in leaves(out))
