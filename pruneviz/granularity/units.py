"""How a granularity sees a network: as layers of units, each with a number in its layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pruneviz.coupling.layouts import Choice
from pruneviz.masks import Masks
from pruneviz.registry import Registry
from pruneviz.report import Skipped

Values = Callable[[str], Tensor]  # a parameter's name → one number for each of its weights
AxisKeep = dict[tuple[str, int], Tensor]  # (parameter, axis) → bool for each index: stays or goes


class Units(Protocol):
    """A layer (or the layers that must go together) as `count` units that stay or go whole."""

    @property
    def name(self) -> str:
        """Return the layer's name: the key of its sparsity and its lock in a Plan."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Return every layer whose units these are, in forward order."""

    @property
    def count(self) -> int:
        """Return the number of units."""

    @property
    def least(self) -> int:
        """Return how many units must stay whatever is asked: 1, or 0 where all of them may go."""

    @property
    def places(self) -> Mapping[str, int]:
        """Return by module path which single unit it is or is a part of; {} where none is."""

    def sum(self, values: Values) -> Tensor:
        """Return the sum of the values over each unit's weights, shape (count,)."""

    def max(self, values: Values) -> Tensor:
        """Return the largest of the values over each unit's weights, shape (count,)."""

    def sum_coupled(self, values: Values) -> Tensor:
        """Return the sum over all weights that go with each unit, shape (count,)."""

    def sizes(self) -> Tensor:
        """Return the number of weights that are summed for each unit, shape (count,)."""

    def masks(self, keep: Tensor) -> Masks:
        """Return the masks by parameter name for the units that stay, `keep` bool (count,)."""

    def axis_keep(self, keep: Tensor) -> AxisKeep:
        """Return which indices of whole axes stay; {} where the units are no slices."""

    def call_keep(self, keep: Tensor) -> AxisKeep:
        """Return, by (call, dimension), over which indices calls average; {} where over all."""

    def size_keep(self, keep: Tensor) -> AxisKeep:
        """Return, by (attribute, place), what stays of the sizes that modules remember."""

    def bypassed(self, keep: Tensor) -> tuple[str, ...]:
        """Return the paths of the modules that return their input from now on; () where none."""

    @property
    def choices(self) -> frozenset[Choice]:
        """Return the calls that could be read otherwise, each with the module that makes it."""


NOTHING: Mapping[str, int] = MappingProxyType({})
NO_LAYOUTS: Mapping[str, int] = MappingProxyType({})
Layouts = Mapping[str, int]  # a call that can be read in several ways → which reading to take
Granularity = Callable[[nn.Module, Any, Layouts], tuple[tuple[Units, ...], tuple[Skipped, ...]]]
GRANULARITIES: Registry[Granularity] = Registry("granularity")


_NOUNS = {"depth": "block"}  # where one unit is not called as its granularity


def noun(granularity: str) -> str:
    """Return what one unit of a granularity is called."""
    return _NOUNS.get(granularity, granularity)


def belongs(name: str, path: str) -> bool:
    """Return whether a parameter or module is a module, or a part of it, by their paths."""
    return name == path or name.startswith(f"{path}.")


def mean(units: Units, values: Values) -> Tensor:
    """Return the mean of the values over each unit's weights, shape (count,)."""
    total, sizes = units.sum(values), units.sizes()
    return total if bool((sizes == 1).all()) else total / sizes.to(torch.get_default_dtype())


__all__ = [
    "GRANULARITIES",
    "AxisKeep",
    "Granularity",
    "Units",
    "Values",
    "belongs",
    "mean",
    "noun",
]
