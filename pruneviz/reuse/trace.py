"""What one pass over one batch computed: a graph of values, without the values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, UntypedStorage

from pruneviz.reuse.calls import Place, leaves, mapped, tensor_in

INPUT = 0  # the record of the batch itself, or of its first tensor
Values = dict[int, UntypedStorage]


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor of a graph: what its storage holds, and how it lies there."""

    record: int
    place: Place


@dataclass(frozen=True, slots=True)
class Same:
    """An answer that is one of the call's own tensors, by number."""

    tensor: int


@dataclass(frozen=True)
class Fresh:
    """An answer in a storage of its own."""

    ref: Ref
    nbytes: int
    device: torch.device


@dataclass(frozen=True, slots=True)
class Content:
    """A tensor that came from nowhere, known by its content: a constant of the code."""

    storage: UntypedStorage
    place: Place


@dataclass(frozen=True, eq=False)
class Node:
    """A call: what it reads, writes and makes. A view makes nothing.

    `args` and `kwargs` hold a `Ref` or a `Content` for each tensor, `answer` a `Fresh` or `Same`.
    `writes` pairs the number of a tensor argument with the record that its storage has afterwards.
    """

    func: Any
    args: list[Any]
    kwargs: dict[str, Any]
    inputs: tuple[Ref | Content, ...]
    digests: tuple[bytes, ...]
    writes: tuple[tuple[int, int], ...]
    answer: Any
    is_view: bool

    @property
    def reads(self) -> tuple[int, ...]:
        """Return the records that the call reads."""
        return tuple(each.record for each in self.inputs if isinstance(each, Ref))

    @property
    def makes(self) -> tuple[int, ...]:
        """Return the records that the call makes."""
        fresh = [leaf.ref.record for leaf in leaves_of(self.answer)]
        return tuple(dict.fromkeys([*(record for _, record in self.writes), *fresh]))

    def run(self, values: Mapping[int, UntypedStorage]) -> Values:
        """Compute the call from the values it reads; those it writes to are changed in place."""
        tensors: list[Tensor] = []

        def real(leaf: Ref | Content) -> Tensor:
            if isinstance(leaf, Ref):
                storage = values[leaf.record]
            else:
                storage = leaf.storage.clone() if self.writes else leaf.storage
            tensors.append(tensor_in(storage, leaf.place))
            return tensors[-1]

        args = [mapped(value, real, (Ref, Content)) for value in self.args]
        kwargs = {name: mapped(v, real, (Ref, Content)) for name, v in self.kwargs.items()}
        out = self.func(*args, **kwargs)
        made = {record: tensors[leaf].untyped_storage() for leaf, record in self.writes}
        for expected, actual in zip(leaves(self.answer), leaves(out), strict=True):
            if isinstance(expected, Fresh):
                made[expected.ref.record] = actual.untyped_storage()
        return made


def leaves_of(answer: Any) -> Iterator[Fresh]:
    """Yield the answers of a call that lie in a storage of their own."""
    return (leaf for leaf in leaves(answer) if isinstance(leaf, Fresh))


@dataclass
class Trace:
    """The graph of one pass: its calls in order, and the records of the network's own tensors.

    `places` are how the batch's tensors lie in their storages, whose records come first; `answer`
    and `logits` are what the network answered, as a graph has it and as it is.
    """

    places: tuple[Place, ...]
    own: dict[str, int] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    answer: Ref | None = None
    logits: Tensor | None = None
    with_contents: set[Any] = field(default_factory=set)  # operators that read constants
    _calls: dict[Any, list[Node]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.count = len(self.places)  # of records: the inputs are there from the start

    def new_record(self) -> int:
        """Return the number of a value that was not there before."""
        self.count += 1
        return self.count - 1

    def find(self, key: Any, digests: Callable[[], tuple[bytes, ...]]) -> Node | None:
        """Return the call with this key and these contents, None where there was none."""
        found = self._calls.get(key)
        if found is None:
            return None
        if len(found) == 1 and not found[0].digests:
            return found[0]
        contents = digests()
        return next((node for node in found if node.digests == contents), None)

    def add(self, key: Any, node: Node) -> None:
        """Note a call that was not there before."""
        self._calls.setdefault(key, []).append(node)
        if node.digests:
            self.with_contents.add(node.func)
        if not node.is_view:
            self.nodes.append(node)

    def reached(self, changed: Iterable[str]) -> tuple[list[Node], set[int]]:
        """Return the calls that depend on the network's tensors named, and the values that change.

        No way to evaluate a network with others of these can compute less.
        """
        dirty = {self.own[name] for name in changed if name in self.own}
        found = []
        for node in self.nodes:
            if not dirty.isdisjoint(node.reads):
                found.append(node)
                dirty.update(node.makes)
        return found, dirty

    def frontier(self, changed: Iterable[str]) -> frozenset[int]:
        """Return the values that stay as they are and are read by what changes.

        `changed` names the network's own tensors that are others; what they reach changes.
        """
        nodes, dirty = self.reached(changed)
        read = {record for node in nodes for record in node.reads}
        return frozenset(read - dirty - set(self.own.values()) - set(range(len(self.places))))

    def nbytes(self, records: Iterable[int]) -> int:
        """Return how many bytes the storages of values take; those of the network's own count 0."""
        sizes = {n: prod(p.size) * p.dtype.itemsize for n, p in enumerate(self.places)}
        for node in self.nodes:
            for number, record in node.writes:
                target = node.inputs[number]
                sizes[record] = (
                    sizes.get(target.record, 0)
                    if isinstance(target, Ref)
                    else target.storage.nbytes()
                )
            sizes.update((leaf.ref.record, leaf.nbytes) for leaf in leaves_of(node.answer))
        return sum(sizes.get(record, 0) for record in records)

    def values(
        self, wanted: Iterable[int], stored: Mapping[int, UntypedStorage], given: Values
    ) -> Values:
        """Return wanted values, computed from the nearest that are stored or given.

        What is computed on the way is dropped as soon as nothing reads it any more.
        """
        wanted = set(wanted)
        known: Values = {**given, **stored}
        plan, uses = self._plan(wanted, known)
        kept = wanted | set(known)
        for node in plan:
            read = {record: known[record] for record in node.reads}
            for number, _ in node.writes:
                target = node.inputs[number]
                if isinstance(target, Ref) and (target.record in kept or uses[target.record] > 1):
                    read[target.record] = known[target.record].clone()
            known.update(node.run(read))
            for record in read:
                uses[record] -= 1
                if not uses[record] and record not in kept:
                    del known[record]
        return {record: known[record] for record in wanted}

    def _plan(self, wanted: set[int], known: Values) -> tuple[list[Node], dict[int, int]]:
        """Return the calls that lead to wanted values, and how many of them read each value."""
        needed, plan = wanted - set(known), []
        uses: dict[int, int] = {}
        for node in reversed(self.nodes):
            if needed.isdisjoint(node.makes):
                continue
            plan.append(node)
            for record in set(node.reads):
                uses[record] = uses.get(record, 0) + 1
                if record not in known:
                    needed.add(record)
        return plan[::-1], uses


__all__ = ["INPUT", "Content", "Fresh", "Node", "Ref", "Same", "Trace", "Values"]
