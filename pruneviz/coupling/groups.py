"""From ids that go together to groups of units that can be pruned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.coupling.ids import Ids, connected, distinct
from pruneviz.coupling.interpretations import ViewInterpretation
from pruneviz.coupling.left_out import Left, layer_of, left_out, reasons_by
from pruneviz.report import LeftOut


@dataclass(frozen=True)
class Member:
    """Part of a parameter axis: `index[i]` (along `axis`) goes with unit `unit[i]` of the group.

    `size` is the axis's whole length.
    """

    parameter: str
    axis: int
    index: Tensor
    unit: Tensor
    produces: bool
    size: int = 0


@dataclass(frozen=True)
class Group:
    """Units that are cut alike: unit u takes along every (parameter, axis, index) it is in.

    `calls` are operator calls that average over units, `sizes` whole numbers that modules remember;
    of a Member of these, `parameter` is the call's key or the attribute's path. `interpretations`
    are the calls that could have been read in another way, with the path of the module of each.
    `heads` says that the units are heads of attention.
    """

    name: str
    layers: tuple[str, ...]
    count: int
    members: tuple[Member, ...]
    calls: tuple[Member, ...] = ()
    sizes: tuple[Member, ...] = ()
    interpretations: frozenset[ViewInterpretation] = frozenset()
    heads: bool = False


@dataclass(frozen=True)
class Coupling:
    """What can be cut, as groups of units, and what cannot, with the reason."""

    groups: tuple[Group, ...]
    skipped: tuple[LeftOut, ...]
    held: frozenset[ViewInterpretation] = frozenset()  # calls that meet nothing that can be cut

    @property
    def reach(self) -> int:
        """Return how many outputs of layers can be cut."""
        members = [member for group in self.groups for member in group.members]
        return sum(len(member.index) for member in members if member.produces)


def groups_of(model: nn.Module, ids: Ids) -> Coupling:
    """Join what the trace united into units, and units with the same members into groups."""
    component, count = connected(ids.edges, ids.total)
    reasons = reasons_by(ids, component)
    is_fixed = np.zeros(count, bool)
    is_fixed[list(reasons)] = True
    produced = np.zeros(count, bool)
    for producer in ids.producers:
        axis = ids.axes[producer]
        produced[component[axis.first : axis.first + axis.size]] = True
    cuttable = produced & ~is_fixed
    by_signature = _joined(ids, _signatures(ids, component, cuttable))
    numbering = _Numbering(ids, component, np.full(count, -1))
    groups: list[Group] = []
    grouped = np.zeros(count, bool)
    names: set[str] = set()
    for axis_indices, units in by_signature.items():
        group = _group(numbering, axis_indices, units, names)
        if group.layers and group.count > 1:
            groups.append(group)
            grouped[units] = True
    taken = {member.parameter for group in groups for member in group.members}
    skipped = left_out(model, Left(ids, component, grouped, taken))
    return Coupling(tuple(groups), skipped, numbering.meeting_none_of(grouped))


def _signatures(
    ids: Ids, component: np.ndarray, cuttable: np.ndarray
) -> dict[tuple[int, ...], list[int]]:
    """Return, for each set of parameter axes, the units that touch exactly those."""
    sizes = [axis.size for axis in ids.axes]
    number = np.repeat(np.arange(len(ids.axes)), sizes)
    here = cuttable[component]
    pairs = distinct(component[here].astype(np.int64) * len(sizes) + number[here])
    unit, axis = pairs // max(len(sizes), 1), (pairs % max(len(sizes), 1)).astype(np.int32)
    starts = np.flatnonzero(np.diff(unit, prepend=-1))
    # Units in the order in which the trace met them: by their first axis, then by number.
    order = np.argsort(axis[starts], kind="stable")
    ends = np.append(starts[1:], unit.size)
    held, width = axis.tobytes(), axis.itemsize
    groups: dict[bytes, list[int]] = defaultdict(list)
    for first, last in zip(starts[order].tolist(), ends[order].tolist(), strict=True):
        groups[held[first * width : last * width]].append(first)
    return {
        tuple(np.frombuffer(axes, np.int32).tolist()): unit[firsts].tolist()
        for axes, firsts in groups.items()
    }


def _joined(
    ids: Ids, by_signature: dict[tuple[int, ...], list[int]]
) -> dict[tuple[int, ...], list[int]]:
    """Put units that are alone with the axes they touch together by the layer that produces them.

    Shuffled channels meet other layers each: they are units of one layer all the same.
    """
    joined = {axes: units for axes, units in by_signature.items() if len(units) > 1}
    alone: dict[int, tuple[set[int], list[int]]] = {}
    for axes, units in by_signature.items():
        if len(units) == 1:
            first = next((p for p in ids.producers if p in axes), -1)
            touched, found = alone.setdefault(first, (set(), []))
            touched.update(axes)
            found.extend(units)
    for touched, found in alone.values():
        joined.setdefault(tuple(sorted(touched)), []).extend(found)
    return joined


class _Numbering:
    """The units of one group after another, numbered in the order of its first layer."""

    def __init__(self, ids: Ids, component: np.ndarray, number: np.ndarray) -> None:
        self.ids, self.component, self.number = ids, component, number
        self.producers = frozenset(ids.producers)
        self._met = {choice: self._components(met) for choice, met in ids.met.items()}
        self._heads = self._components(ids.heads)

    def _components(self, met: list[np.ndarray]) -> np.ndarray:
        joined = np.concatenate([np.zeros(0, np.int64), *met])
        return distinct(self.component[joined[joined >= 0]])

    @contextmanager
    def of(self, axis_indices: tuple[int, ...], units: list[int]) -> Iterator[int]:
        """Number units while a group is made of them; how many there are."""
        along = self.along(_first_producer(self.ids, axis_indices))
        _, first = np.unique(along, return_index=True)
        ordered = along[np.sort(first)]
        self.number[units] = 0
        ordered = ordered[self.number[ordered] == 0]
        self.number[units] = -1
        self.number[ordered] = np.arange(len(ordered))
        yield len(ordered)
        self.number[ordered] = -1

    def along(self, index: int) -> np.ndarray:
        """Return the component of each id of an axis."""
        axis = self.ids.axes[index]
        return self.component[axis.first : axis.first + axis.size]

    def member(self, index: int) -> Member:
        """Return what an axis has of the group's units."""
        axis, unit = self.ids.axes[index], self.number[self.along(index)]
        at = np.flatnonzero(unit >= 0)
        return Member(
            axis.parameter,
            axis.axis,
            torch.from_numpy(at),
            torch.from_numpy(unit[at]),
            index in self.producers,
            axis.size,
        )

    def interpretations(self) -> frozenset[ViewInterpretation]:
        """Return the calls that could be read in several ways and that units of the group meet."""
        met = self._met.items()
        return frozenset(
            self._interpretation(call) for call, units in met if (self.number[units] >= 0).any()
        )

    def meeting_none_of(self, grouped: np.ndarray) -> frozenset[ViewInterpretation]:
        """Return the calls that could be read otherwise and meet no units of any group."""
        met = self._met.items()
        return frozenset(
            self._interpretation(call) for call, units in met if not grouped[units].any()
        )

    def _interpretation(self, call: tuple[str, str]) -> ViewInterpretation:
        return ViewInterpretation(*call, *self.ids.interpretations[call])

    def heads(self) -> bool:
        """Return whether units of the group are heads of attention."""
        return bool((self.number[self._heads] >= 0).any())


def _group(
    numbering: _Numbering, axis_indices: tuple[int, ...], units: list[int], names: set[str]
) -> Group:
    """Return units as a group with a name of its own."""
    members: dict[str, list[Member]] = {"tensor": [], "call": [], "attribute": [], "place": []}
    with numbering.of(axis_indices, units) as count:
        for index in axis_indices:
            members[numbering.ids.axes[index].kind].append(numbering.member(index))
        interpretations, heads = numbering.interpretations(), numbering.heads()
    layers = [layer_of(member.parameter) for member in members["tensor"] if member.produces]
    name = layers[0] if layers else ""
    suffix = 2
    while name in names:
        name, suffix = f"{layers[0]}~{suffix}", suffix + 1
    names.add(name)
    return Group(
        name,
        tuple(dict.fromkeys(layers)),
        count,
        members=tuple(members["tensor"]),
        calls=tuple(members["call"]),
        sizes=tuple(members["attribute"]),
        interpretations=interpretations,
        heads=heads,
    )


def _first_producer(ids: Ids, axis_indices: tuple[int, ...]) -> int:
    axes = set(axis_indices)
    return next(index for index in ids.producers if index in axes)
