"""What stays whole, layer by layer, with the reason that holds of that very layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from pruneviz.coupling.ids import Axis, Ids, connected, distinct
from pruneviz.network.cuttable_forms import kind_of
from pruneviz.network.plain_layers import inputs_first
from pruneviz.report import LeftOut
from pruneviz.wording import Fact, stays

LAYER_TYPES = (nn.Linear, nn.modules.conv._ConvNd)


def is_layer(module: object) -> bool:
    """Return whether something is a convolution or linear layer, whichever way its weight lies."""
    return isinstance(module, LAYER_TYPES) or (
        isinstance(module, nn.Module) and inputs_first(module)
    )


@dataclass(frozen=True)
class Left:
    """The ids of a trace, the component of each, which components are in a group, and of what.

    `taken` are the parameters of the groups.
    """

    ids: Ids
    component: np.ndarray
    grouped: np.ndarray
    taken: set[str]


def reasons_by(ids: Ids, component: np.ndarray) -> dict[int, int]:
    """Return which entry of `ids.fixed` says why a component must stay: the first one."""
    reasons: dict[int, int] = {}
    for number, (fixed, _) in enumerate(ids.fixed):
        for each in distinct(component[fixed]).tolist():
            reasons.setdefault(each, number)
    return reasons


def layer_of(parameter: str) -> str:
    """Return the module path that owns a parameter ('layer1.0.conv1.weight' → 'layer1.0.conv1')."""
    return parameter.rpartition(".")[0] or parameter


def left_out(model: nn.Module, left: Left) -> tuple[LeftOut, ...]:
    """List every layer with outputs that are in no group, with the reasons."""
    why, skipped = _Why(left), dict[str, dict[Fact, None]]()
    for axis in why.producing:
        for fact in why.facts(axis):
            skipped.setdefault(layer_of(axis.parameter), {})[fact] = None
    producing = {axis.parameter for axis in why.producing}
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and name not in producing and name not in left.taken:
            owner = model.get_submodule(layer_of(name)) if "." in name else model
            shown = layer_of(name) if is_layer(owner) else name
            if shown not in skipped:
                skipped[shown] = {why.of_no_units(name, parameter, owner): None}
    return tuple(LeftOut(name, tuple(found)) for name, found in skipped.items())


class _Why:
    """Says why units stay: for what becomes of them, or of others that they go together with."""

    def __init__(self, left: Left) -> None:
        self.ids, self.component, self.grouped = left.ids, left.component, left.grouped
        self.producing = [self.ids.axes[producer] for producer in self.ids.producers]
        self._reasons = reasons_by(self.ids, self.component)
        met = [*self.ids.sums, *self.ids.products]
        self._met, _ = connected(met, self.ids.total)
        scaled = [each for product in self.ids.products for each in product]
        self._scaled = {int(each) for ids in scaled for each in distinct(self._met[ids])}
        self._own = reasons_by(self.ids, self._met)
        self._layers: dict[int, str] = {}  # by what their outputs meet
        for axis in self.producing:
            for each in distinct(self._met[axis.first :][: axis.size]).tolist():
                self._layers.setdefault(each, layer_of(axis.parameter))

    def facts(self, axis: Axis) -> Iterator[Fact]:
        """Yield the reasons for those along a layer's axis that stay, with how many if not all."""
        own = np.arange(axis.first, axis.first + axis.size)
        units = self.component[own]
        stay = ~self.grouped[units]
        alike = axis.size > 1 and len(set(units.tolist())) == 1
        other = stays.all_together if alike else stays.single if axis.size == 1 else stays.alone
        told = Counter(
            self._reason(axis, each, unit)
            for each, unit in zip(own[stay].tolist(), units[stay].tolist(), strict=True)
        )
        for found, count in told.items():
            why = other() if found is None else self._as_used(axis, found)
            yield why if count == axis.size else stays.some_units(count, axis.size, why)

    def _reason(self, axis: Axis, each: int, unit: int) -> Fact | None:
        """Return why one stays: its own reason, or that of the layer it goes together with."""
        met = int(self._met[each])
        own = self._own.get(met)
        if own is not None:
            why = self.ids.fixed[own][1]
            return stays.factors() if why in stays.answers and met in self._scaled else why
        number = self._reasons.get(unit)
        if number is None:
            return None
        fixed, why = self.ids.fixed[number]
        beside = self._met[fixed[self.component[fixed] == unit]].tolist()
        layer = next((self._layers[s] for s in beside if s in self._layers), None)
        if layer is None or layer == layer_of(axis.parameter):
            return why
        return stays.goes_with(layer, why)

    def _as_used(self, axis: Axis, why: Fact) -> Fact:
        """Return the reason as it holds where weights are used the other way round too."""
        first = next(each for each in self.producing if each.parameter == axis.parameter)
        return why if first is axis else stays.used_once_more(why)

    def of_no_units(self, name: str, parameter: Tensor, owner: nn.Module) -> Fact:
        """Return why a parameter that produces no units is in no group."""
        axes = [axis for axis in self.ids.axes if axis.parameter == name]
        if not axes and max(parameter.shape) > 1:
            return stays.unused()
        units = (int(u) for axis in axes for u in self.component[axis.first :][: axis.size])
        number = next((self._reasons[u] for u in units if u in self._reasons), None)
        single = stays.single() if parameter.shape[0] == 1 else stays.no_units()
        why = single if number is None else self.ids.fixed[number][1]
        return why if is_layer(owner) else stays.part_of(kind_of(owner), why)
