"""The tiles of one weight tensor as units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from pruneviz.coupling.interpretations import ViewInterpretation
from pruneviz.coupling.left_out import is_layer
from pruneviz.granularity.matrix import Axes, LeftOutError, MatrixView, axes
from pruneviz.granularity.units import NOTHING, AxisKeep, Found, Rule, Units, Values
from pruneviz.network.folding import folded
from pruneviz.network.masks import Masks
from pruneviz.report import LeftOut
from pruneviz.wording import Fact, unseen


@dataclass(frozen=True)
class TiledUnits:
    """The tiles of one weight tensor; with a rule, groups of them keep what it says."""

    name: str
    layers: tuple[str, ...]
    parameter: str
    view: MatrixView
    rule: Rule | None = None

    @property
    def count(self) -> int:
        """Return the number of units."""
        return self.view.count

    @property
    def least(self) -> int:
        """Return how many units must stay: one, or what the rule leaves of all groups."""
        return 1 if self.rule is None else self.count // self.rule.of * self.rule.stay

    @property
    def places(self) -> Mapping[str, int]:
        """Return {}: a layer is many units."""
        return NOTHING

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the weight tensor."""
        return self.view.shape

    def sum(self, values: Values) -> Tensor:
        """Return the sum of the values over each unit's weights, shape (count,)."""
        return self.view.sum(values(self.parameter))

    def max(self, values: Values) -> Tensor:
        """Return the largest of the values over each unit's weights, shape (count,)."""
        return self.view.max(values(self.parameter))

    def sum_coupled(self, values: Values) -> Tensor:
        """Return the same sum, shape (count,): nothing else goes with a unit."""
        return self.sum(values)

    def sizes(self) -> Tensor:
        """Return the number of weights of each unit, shape (count,) or (1,), which broadcasts."""
        return self.view.sizes()

    def masks(self, keep: Tensor) -> Masks:
        """Return the mask of the weight tensor."""
        return {self.parameter: self.view.spread(keep)}

    def axis_keep(self, keep: Tensor) -> AxisKeep:
        """Return {}: parts of a tensor are no slices of the network, so nothing is cut out."""
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
    def interpretations(self) -> frozenset[ViewInterpretation]:
        """Return nothing: parts of a tensor go with no others."""
        return frozenset()


def tiled(model: nn.Module, see: Callable[[Axes], tuple[MatrixView, Rule | None]]) -> Found:
    """Return every convolution's and linear layer's weights as `see` shows them, and the others.

    `see` raises LeftOutError for a layer that it cannot show.
    """
    model = folded(model)
    found: list[Units] = []
    skipped = []
    for name, module in model.named_modules():
        if not is_layer(module):
            why = _no_layer(module)
        elif module._parameters.get("weight") is None:
            why = unseen.no_parameter()
        elif not owns_weight(model, name, module):
            continue  # the layer that it shares its weights with has the units
        else:
            try:
                found.append(_units(name, *see(axes(module))))
                why = None
            except LeftOutError as refused:
                why = refused.fact
        if why:
            skipped.append(LeftOut(name or type(module).__name__, (why,)))
    return tuple(found), tuple(skipped)


def _units(name: str, view: MatrixView, rule: Rule | None) -> TiledUnits:
    if view.count < 2:
        raise LeftOutError(unseen.one_unit())
    parameter = f"{name}.weight" if name else "weight"
    return TiledUnits(name or "weight", (name,), parameter, view, rule)


def _no_layer(module: nn.Module) -> Fact | None:
    """Return why a module that is no layer stays whole; None where it holds no matrix."""
    holds = any(p.ndim > 1 for p in module.parameters(recurse=False))
    return unseen.no_layer(type(module).__name__) if holds else None


def owns_weight(model: nn.Module, name: str, module: nn.Module) -> bool:
    """Return whether a layer's weights go by its own name, not by another layer's."""
    parameter = f"{name}.weight" if name else "weight"
    return any(n == parameter and p is module.weight for n, p in model.named_parameters())
