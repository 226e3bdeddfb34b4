"""What stays whole, layer by layer, with the reason that holds of that very layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from pruneviz.coupling.ids import Axis, Ids, connected, distinct
from pruneviz.network.cuttable_forms import kind_of
from pruneviz.report import Skipped

ANSWERS = "its outputs are the network's answers"
FACTORS = "its outputs are factors of the network's answers"
UNUSED = "the forward pass does not use it"
TOGETHER = "all its channels go together, so none of them can go"
SINGLE = "it has a single unit"
ALONE = "nothing else goes along with what it goes with, and one of each kind stays"
LAYER_TYPES = (nn.Linear, nn.modules.conv._ConvNd)


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


def left_out(model: nn.Module, left: Left) -> tuple[Skipped, ...]:
    """List every layer with outputs that are in no group, with the reasons."""
    why, skipped = _Why(left), dict[str, dict[str, None]]()
    for axis in why.producing:
        for sentence in why.sentences(axis):
            skipped.setdefault(layer_of(axis.parameter), {})[sentence] = None
    producing = {axis.parameter for axis in why.producing}
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and name not in producing and name not in left.taken:
            owner = model.get_submodule(layer_of(name)) if "." in name else model
            shown = layer_of(name) if isinstance(owner, LAYER_TYPES) else name
            if shown not in skipped:
                skipped[shown] = {why.of_no_units(name, parameter, owner): None}
    return tuple(Skipped(name=name, reason="; ".join(found)) for name, found in skipped.items())


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

    def sentences(self, axis: Axis) -> Iterator[str]:
        """Yield the reasons for those along a layer's axis that stay, with how many if not all."""
        own = np.arange(axis.first, axis.first + axis.size)
        units = self.component[own]
        stays = ~self.grouped[units]
        alike = axis.size > 1 and len(set(units.tolist())) == 1
        other = TOGETHER if alike else SINGLE if axis.size == 1 else ALONE
        again = self._is_used_again(axis)
        told = Counter(
            other if (found := self._reason(axis, each, unit)) is None else again + found
            for each, unit in zip(own[stays].tolist(), units[stays].tolist(), strict=True)
        )
        for sentence, count in told.items():
            yield sentence if count == axis.size else f"{count} of {axis.size} units: {sentence}"

    def _reason(self, axis: Axis, each: int, unit: int) -> str | None:
        """Return why one stays: its own reason, or that of the layer it goes together with."""
        met = int(self._met[each])
        own = self._own.get(met)
        if own is not None:
            reason = self.ids.fixed[own][1]
            return FACTORS if reason == ANSWERS and met in self._scaled else reason
        number = self._reasons.get(unit)
        if number is None:
            return None
        fixed, reason = self.ids.fixed[number]
        beside = self._met[fixed[self.component[fixed] == unit]].tolist()
        layer = next((self._layers[s] for s in beside if s in self._layers), None)
        if layer is None or layer == layer_of(axis.parameter):
            return reason
        return f"'{layer}' goes together with it and stays: {reason}"

    def _is_used_again(self, axis: Axis) -> str:
        """Return how the reason begins where weights are used the other way round too."""
        first = next(each for each in self.producing if each.parameter == axis.parameter)
        return "" if first is axis else "where its weights are used once more, "

    def of_no_units(self, name: str, parameter: Tensor, owner: nn.Module) -> str:
        """Return why a parameter that produces no units is in no group."""
        axes = [axis for axis in self.ids.axes if axis.parameter == name]
        if not axes and max(parameter.shape) > 1:
            return UNUSED
        units = (int(u) for axis in axes for u in self.component[axis.first :][: axis.size])
        number = next((self._reasons[u] for u in units if u in self._reasons), None)
        single = SINGLE if parameter.shape[0] == 1 else "it produces no units"
        reason = single if number is None else self.ids.fixed[number][1]
        return reason if isinstance(owner, LAYER_TYPES) else f"{kind_of(owner)}: {reason}"
