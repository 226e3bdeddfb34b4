"""What is left of a network when some units stay: parameters, MACs and bytes, counted exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from pruneviz.apply import apply
from pruneviz.granularity.tiles import TiledUnits
from pruneviz.granularity.units import Units
from pruneviz.measure.cost import macs_by_parameter, masked_macs, parameters_by_name
from pruneviz.measure.packing import stored_bytes
from pruneviz.network.held import held_tensors
from pruneviz.network.masks import combine, kept
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting


@dataclass(frozen=True)
class Counting:
    """Counts as a report does; `macs` are those of the original, by parameter."""

    model: nn.Module
    example: Any
    units: tuple[Units, ...]
    macs: Mapping[str, int]

    def __call__(self, of: str, keep: Mapping[str, Tensor]) -> int:
        """Return how many parameters, macs or bytes (of the weights file) are left.

        `keep` maps a units name to bool (count,). ValueError for anything else.
        """
        counted = {"parameters": self._parameters, "macs": self._macs, "bytes": self._bytes}
        if of not in counted:
            raise RefusedError(cutting.not_counted(of, tuple(counted)))
        tiled = [layer for layer in self.units if isinstance(layer, TiledUnits)]
        if of != "bytes" and len(tiled) == len(self.units):
            return self._without_masks(of, tiled, keep)
        pruned, masks = self._pruned(keep)
        return counted[of](pruned, masks)

    def _without_masks(
        self, of: str, units: Sequence[TiledUnits], keep: Mapping[str, Tensor]
    ) -> int:
        """Return what is left of parameters or macs where units are weights of one tensor each."""
        counts = parameters_by_name(self.model) if of == "parameters" else dict(self.macs)
        for layer in units:
            name, sizes, stays = layer.parameter, layer.sizes(), keep[layer.name]
            left = int(sizes[stays].sum()) if len(sizes) > 1 else int(stays.count_nonzero())
            if of == "parameters":
                counts[name] = left
            elif name in counts:
                counts[name] = round(counts[name] * left / math.prod(layer.shape))
        return sum(counts.values())

    def _pruned(self, keep: Mapping[str, Tensor]) -> tuple[nn.Module, dict[str, Tensor]]:
        """Return the smaller network, or the original with its masks, which copy nothing."""
        if not all(isinstance(layer, TiledUnits) for layer in self.units):
            applied = apply(self.model, self.units, keep)
            return applied.model, {} if applied.is_cut else applied.masks
        return self.model, combine(layer.masks(keep[layer.name]) for layer in self.units)

    def _parameters(self, pruned: nn.Module, masks: Mapping[str, Tensor]) -> int:
        return sum({**parameters_by_name(pruned), **kept(dict(masks))}.values())

    def _macs(self, pruned: nn.Module, masks: Mapping[str, Tensor]) -> int:
        if pruned is self.model or masks:
            return sum(masked_macs(dict(self.macs), dict(masks)).values())
        return sum(macs_by_parameter(pruned, self.example).values())

    def _bytes(self, pruned: nn.Module, masks: Mapping[str, Tensor]) -> int:
        return stored_bytes(held_tensors(pruned), masks)
