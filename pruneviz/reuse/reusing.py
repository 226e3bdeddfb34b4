"""A pass that computes only what depends on what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, UntypedStorage

from pruneviz.reuse.calls import (
    OperatorCall,
    bytes_of,
    leaves,
    mapped,
    may_view,
    place_of,
    tensor_in,
)
from pruneviz.reuse.following import Following, State, States, digests_of, records_of
from pruneviz.reuse.trace import Fresh, Node, Ref, Same, Trace

POISON = -1  # all bits set: not a number in every floating-point type


class Reusing(Following):
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
        call = OperatorCall(func, args, kwargs or {})
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

    def _found(self, call: OperatorCall, states: list[State | None]) -> Node | None:
        """Return what is known of a call, None where nothing is."""
        if call.shape is None:
            return None
        return self.trace.find(call.key(records_of(states)), lambda: digests_of(call, states))

    def _repeat(self, node: Node, call: OperatorCall) -> Any:
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

    def _compute(self, call: OperatorCall, states: list[State | None]) -> Any:
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
