"""How a granularity sees a network: as layers of units, each with a number in its layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor

from pruneviz.coupling.interpretations import ViewInterpretation
from pruneviz.network.masks import Masks
from pruneviz.registry import Registry
from pruneviz.report import LeftOut

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
        """Return how many units must stay whatever is asked; 0 where all of them may go."""

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
    def interpretations(self) -> frozenset[ViewInterpretation]:
        """Return the calls that could be read otherwise, each with the module that makes it."""


NOTHING: Mapping[str, int] = MappingProxyType({})
NO_INTERPRETATIONS: Mapping[str, int] = MappingProxyType({})
Interpretations = Mapping[
    str, int
]  # a call that can be read in several ways → which reading to take
Found = tuple[tuple[Units, ...], tuple[LeftOut, ...]]
Granularity = Callable[..., Found]  # (model, example, interpretations, **settings)
GRANULARITIES: Registry[Granularity] = Registry("granularity")


class Rule(Protocol):
    """What holds within every group of `of` consecutive units: exactly `stay` of them stay."""

    @property
    def of(self) -> int:
        """Return how many units make a group."""

    @property
    def stay(self) -> int:
        """Return how many units of a pruned group stay."""

    def spared(self, scores: Tensor) -> Tensor:
        """Return which units a pruned group keeps, bool of the scores' shape (groups, of)."""


def rule_of(units: Units) -> Rule | None:
    """Return the rule that holds within groups of these units, None where they are free."""
    rule: Rule | None = getattr(units, "rule", None)
    return rule


def choosing_of(units: Units) -> tuple[str, ...]:
    """Return the paths of the modules that choose among these units by value, () where none does.

    What they choose is numbered otherwise where fewer are left.
    """
    paths: tuple[str, ...] = getattr(units, "choosing", ())
    return paths


def shape_of(units: Units) -> tuple[int, ...] | None:
    """Return the shape of the weights that the units are outputs or parts of, None if unknown."""
    shape: tuple[int, ...] | None = getattr(units, "shape", None)
    return shape


def noun(granularity: str) -> str:
    """Return what one unit of a granularity is called, in the singular."""
    if granularity not in GRANULARITIES.names():
        return granularity
    return GRANULARITIES.get(granularity).unit or granularity


def stays_dense(granularity: str, removed: float) -> bool:
    """Return whether what was removed are zeros in tensors of the old size: no pass gets quicker.

    `removed` is how much was, in any unit.
    """
    known = granularity in GRANULARITIES.names()
    return known and removed > 0 and GRANULARITIES.get(granularity).family != "structured"


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
    "Found",
    "Granularity",
    "Rule",
    "Units",
    "Values",
    "belongs",
    "choosing_of",
    "mean",
    "noun",
    "rule_of",
    "shape_of",
]
