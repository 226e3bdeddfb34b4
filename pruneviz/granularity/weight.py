"""Single weights: every weight of a convolution or linear layer is a unit of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.coupling.groups import LAYER_TYPES
from pruneviz.coupling.layouts import Choice
from pruneviz.granularity.units import (
    GRANULARITIES,
    NO_LAYOUTS,
    NOTHING,
    AxisKeep,
    Layouts,
    Units,
    Values,
)
from pruneviz.masks import Masks
from pruneviz.report import Skipped


@dataclass(frozen=True)
class WeightUnits:
    """One weight tensor; unit i is its i-th weight in row-major order."""

    name: str
    layers: tuple[str, ...]
    parameter: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Return the number of weights."""
        return int(torch.Size(self.shape).numel())

    @property
    def least(self) -> int:
        """Return 1: a layer is never pruned to nothing."""
        return 1

    @property
    def places(self) -> Mapping[str, int]:
        """Return {}: a layer is many weights."""
        return NOTHING

    def sum(self, values: Values) -> Tensor:
        """Return each weight's own value, shape (count,)."""
        return values(self.parameter).reshape(-1)

    def max(self, values: Values) -> Tensor:
        """Return each weight's own value, shape (count,)."""
        return self.sum(values)

    def sum_coupled(self, values: Values) -> Tensor:
        """Return each weight's own value, shape (count,): nothing else goes with it."""
        return self.sum(values)

    def sizes(self) -> Tensor:
        """Return 1 for each weight, shape (1,), which broadcasts."""
        return torch.ones(1, dtype=torch.long)

    def masks(self, keep: Tensor) -> Masks:
        """Return the mask of this weight tensor."""
        return {self.parameter: keep.view(self.shape)}

    def axis_keep(self, keep: Tensor) -> AxisKeep:
        """Return {}: single weights are no slices, so nothing can be cut out."""
        return {}

    def call_keep(self, keep: Tensor) -> AxisKeep:
        """Return {}: a zero among the weights is averaged like any other."""
        return {}

    def size_keep(self, keep: Tensor) -> AxisKeep:
        """Return {}: no tensor gets smaller."""
        return {}

    def bypassed(self, keep: Tensor) -> tuple[str, ...]:
        """Return (): every module still computes."""
        return ()

    @property
    def choices(self) -> frozenset[Choice]:
        """Return nothing: single weights go with no others."""
        return frozenset()


@GRANULARITIES.register(
    name="weight",
    title="Single weights",
    family="unstructured",
    sentence="Sets single weights to zero; the file shrinks, the arithmetic stays dense.",
    formula="unit = one weight of a convolution or linear layer",
    source="Han et al. 2015, arXiv 1506.02626",
)
def weights(
    model: nn.Module, example: Any, layouts: Layouts = NO_LAYOUTS
) -> tuple[tuple[Units, ...], tuple[Skipped, ...]]:
    """Return the weight tensors of all convolutions and linear layers, and what is left out."""
    found: list[Units] = []
    skipped = []
    owners = {id(p): name for name, p in model.named_parameters()}
    for name, module in model.named_modules():
        matrices = [p for p in module.parameters(recurse=False) if p.ndim > 1]
        if isinstance(module, LAYER_TYPES):
            parameter = f"{name}.weight" if name else "weight"
            if owners.get(id(module.weight)) == parameter and module.weight.numel() > 1:
                found.append(
                    WeightUnits(name or "weight", (name,), parameter, tuple(module.weight.shape))
                )
        elif matrices:
            reason = f"{type(module).__name__} is no convolution or linear layer"
            skipped.append(Skipped(name=name or type(module).__name__, reason=reason))
    return tuple(found), tuple(skipped)
