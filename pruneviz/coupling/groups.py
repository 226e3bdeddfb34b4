"""From ids that go together to groups of units that can be pruned."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn

from pruneviz.coupling.ids import Axis, Ids
from pruneviz.coupling.layouts import Choice
from pruneviz.report import Skipped

TOGETHER = "all its channels go together, so none of them can go"
LAYER_TYPES = (nn.Linear, nn.modules.conv._ConvNd)


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
    of a Member of these, `parameter` is the call's key or the attribute's path. `choices` are the
    calls that could have been read in another way, each with the path of the module that makes it.
    """

    name: str
    layers: tuple[str, ...]
    count: int
    members: tuple[Member, ...]
    calls: tuple[Member, ...] = ()
    sizes: tuple[Member, ...] = ()
    choices: frozenset[Choice] = frozenset()


@dataclass(frozen=True)
class Coupling:
    """What can be cut, as groups of units, and what cannot, with the reason."""

    groups: tuple[Group, ...]
    skipped: tuple[Skipped, ...]
    held: frozenset[Choice] = frozenset()  # calls that meet nothing that can be cut

    @property
    def reach(self) -> int:
        """Return how many outputs of layers can be cut."""
        members = [member for group in self.groups for member in group.members]
        return sum(len(member.index) for member in members if member.produces)


def groups_of(model: nn.Module, ids: Ids) -> Coupling:
    """Join what the trace united into units, and units with the same members into groups."""
    component, count = _components(ids)
    reasons = _reasons(ids, component)
    is_fixed = np.zeros(count, bool)
    is_fixed[list(reasons)] = True
    produced = np.zeros(count, bool)
    for producer in ids.producers:
        axis = ids.axes[producer]
        produced[component[axis.first : axis.first + axis.size]] = True
    cuttable = produced & ~is_fixed
    by_signature = _joined(ids, _signatures(ids, component, cuttable))
    groups: list[Group] = []
    grouped: set[int] = set()
    names: set[str] = set()
    for axis_indices, units in by_signature.items():
        group = _group(ids, axis_indices, units, component, names)
        if group.layers and group.count > 1:
            groups.append(group)
            grouped.update(units)
    skipped = _skipped(model, ids, component, grouped, reasons, groups)
    met = np.full(count, -1)
    met[list(grouped)] = 1
    held = frozenset(Choice(*choice, *ids.readings[choice]) for choice in ids.choices)
    return Coupling(tuple(groups), skipped, held - _choices(ids, met, component))


def _components(ids: Ids) -> tuple[np.ndarray, int]:
    """Return the connected component of every id, and how many there are."""
    nothing = np.zeros(0, np.int64)
    first = np.concatenate([a for a, _ in ids.edges] or [nothing])
    second = np.concatenate([b for _, b in ids.edges] or [nothing])
    graph = coo_matrix((np.ones(first.size, bool), (first, second)), shape=(ids.total, ids.total))
    count, component = connected_components(graph, directed=False)
    return component, count


def _reasons(ids: Ids, component: np.ndarray) -> dict[int, str]:
    """Return why a component must stay: the first reason that the trace met."""
    reasons: dict[int, str] = {}
    for fixed, reason in ids.fixed:
        for each in np.unique(component[fixed]).tolist():
            reasons.setdefault(each, reason)
    return reasons


def _signatures(
    ids: Ids, component: np.ndarray, cuttable: np.ndarray
) -> dict[tuple[int, ...], list[int]]:
    """Return, for each set of parameter axes, the units that touch exactly those."""
    touched: dict[int, list[int]] = defaultdict(list)
    for number, axis in enumerate(ids.axes):
        for unit in np.unique(component[axis.first : axis.first + axis.size]).tolist():
            if cuttable[unit]:
                touched[unit].append(number)
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for unit, axes in touched.items():
        groups[tuple(axes)].append(unit)
    return groups


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


def _group(
    ids: Ids,
    axis_indices: tuple[int, ...],
    units: list[int],
    component: np.ndarray,
    names: set[str],
) -> Group:
    order = _unit_order(ids.axes[_first_producer(ids, axis_indices)], units, component)
    number = np.full(component.max() + 1, -1)
    number[order] = np.arange(len(order))
    members: dict[str, list[Member]] = {"tensor": [], "call": [], "attribute": []}
    layers = []
    for index in axis_indices:
        axis = ids.axes[index]
        unit = number[component[axis.first : axis.first + axis.size]]
        at = np.flatnonzero(unit >= 0)
        produces = index in ids.producers
        members[axis.kind].append(
            Member(
                axis.parameter,
                axis.axis,
                torch.from_numpy(at),
                torch.from_numpy(unit[at]),
                produces,
                axis.size,
            )
        )
        if produces:
            layers.append(layer_of(axis.parameter))
    name = layers[0] if layers else ""
    suffix = 2
    while name in names:
        name, suffix = f"{layers[0]}~{suffix}", suffix + 1
    names.add(name)
    return Group(
        name,
        tuple(dict.fromkeys(layers)),
        len(order),
        members=tuple(members["tensor"]),
        calls=tuple(members["call"]),
        sizes=tuple(members["attribute"]),
        choices=_choices(ids, number, component),
    )


def _choices(ids: Ids, number: np.ndarray, component: np.ndarray) -> frozenset[Choice]:
    """Return the calls that could be read in several ways and that units of a group meet."""
    return frozenset(
        Choice(*choice, *ids.readings[choice])
        for choice, met in ids.choices.items()
        if any((number[component[each[each >= 0]]] >= 0).any() for each in met)
    )


def _first_producer(ids: Ids, axis_indices: tuple[int, ...]) -> int:
    return next(index for index in ids.producers if index in axis_indices)


def _unit_order(axis: Axis, units: list[int], component: np.ndarray) -> np.ndarray:
    """Return the units in the order in which the first producing layer holds them."""
    along = component[axis.first : axis.first + axis.size]
    _, first = np.unique(along, return_index=True)
    ordered = along[np.sort(first)]
    return ordered[np.isin(ordered, units)]


def layer_of(parameter: str) -> str:
    """Return the module path that owns a parameter ('layer1.0.conv1.weight' → 'layer1.0.conv1')."""
    return parameter.rpartition(".")[0] or parameter


def _skipped(
    model: nn.Module,
    ids: Ids,
    component: np.ndarray,
    grouped: set[int],
    reasons: dict[int, str],
    groups: list[Group],
) -> tuple[Skipped, ...]:
    """List every layer with outputs that are in no group, with the reason."""
    skipped: dict[str, str] = {}
    for producer in ids.producers:
        axis = ids.axes[producer]
        units = component[axis.first : axis.first + axis.size]
        left = [u for u in units.tolist() if u not in grouped]
        if left:
            together = axis.size > 1 and len(set(left)) == 1
            single = TOGETHER if together else "it has a single unit"
            reason = next((reasons[u] for u in left if u in reasons), single)
            part = "" if len(left) == axis.size else f"{len(left)} of {axis.size} units: "
            skipped[layer_of(axis.parameter)] = part + reason
    producing = {ids.axes[producer].parameter for producer in ids.producers}
    taken = {m.parameter for group in groups for m in group.members}
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and name not in producing and name not in taken:
            owner = model.get_submodule(layer_of(name)) if "." in name else model
            shown = layer_of(name) if isinstance(owner, LAYER_TYPES) else name
            skipped.setdefault(shown, _why_not(name, parameter, owner, ids, component, reasons))
    return tuple(Skipped(name=name, reason=reason) for name, reason in skipped.items())


def _why_not(
    name: str,
    parameter: Tensor,
    owner: nn.Module,
    ids: Ids,
    component: np.ndarray,
    reasons: dict[int, str],
) -> str:
    """Return why a parameter that produces no units is in no group."""
    axes = [axis for axis in ids.axes if axis.parameter == name]
    if not axes and max(parameter.shape) > 1:
        return "the forward pass does not use it"
    held = (reasons.get(int(u)) for axis in axes for u in component[axis.first :][: axis.size])
    reason = next((r for r in held if r), None)
    if reason is None:
        reason = "it has a single unit" if parameter.shape[0] == 1 else "it produces no units"
    return reason if isinstance(owner, LAYER_TYPES) else f"{type(owner).__name__}: {reason}"
