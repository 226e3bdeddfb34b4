"""One layer pruned alone, or a few together, everything else as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import Applied, apply
from pruneviz.granularity.units import Units
from pruneviz.network.inputs import Given
from pruneviz.plan import Plan
from pruneviz.proof import prove

Keep = Mapping[str, Tensor]
# Removes the units that do not stay: the network, its layers, which units of them stay (count,).
Remove = Callable[[nn.Module, tuple[Units, ...], Keep], Applied]


class Alone:
    """Prunes one layer at a time.

    A layer's cut is proved once, at the hardest level: the other levels cut the same axes of the
    same tensors, only less of them, `find_units` has proved about half of each layer's cut, and a
    network that is shown is always proved as it is. Where that proof fails, each level is proved.
    """

    def __init__(
        self,
        model: nn.Module,
        units: tuple[Units, ...],
        ranking: Ranking,
        example: Given,
        remove: Remove = apply,
    ) -> None:
        """Prepare; `example` is what cuts are proved on, `remove` makes the networks."""
        self._model, self._ranking, self._example = model, ranking, example
        self._remove = remove
        self._units = {layer.name: layer for layer in units}
        self._proved: dict[str, bool] = {}  # whether a layer's cut holds at the hardest level

    def pruned(self, name: str, level: float, hardest: float) -> nn.Module:
        """Return the network with one layer pruned; ValueError where that cut does not hold."""
        if name not in self._proved:
            self._proved[name] = self._holds(self._apply({name: hardest}))
        applied = self._apply({name: level})
        if not self._proved[name]:
            prove(applied, self._example)
        return applied.model

    def _holds(self, applied: Applied) -> bool:
        try:
            prove(applied, self._example)
        except ValueError:  # a lower level may still hold, and says itself where it does not
            return False
        return True

    def together(self, levels: Mapping[str, float]) -> nn.Module:
        """Return the network with these layers pruned; ValueError where that cut does not hold."""
        applied = self._apply(levels)
        prove(applied, self._example)
        return applied.model

    def _apply(self, levels: Mapping[str, float]) -> Applied:
        units = tuple(self._units[name] for name in levels)
        keep = allocate(units, self._ranking, Plan(scope="layer", layers=dict(levels))).keep
        return self._remove(self._model, units, keep)
