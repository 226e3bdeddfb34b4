"""From one score a weight to one score a unit."""

from __future__ import annotations

import torch
from torch import Tensor

from pruneviz.criteria.criterion import Evidence
from pruneviz.granularity.units import Units, Values, mean
from pruneviz.registry import Parameter
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

HELP = "How a unit's score is made of its weights': their mean does not grow with its size."


def reduction(default: str, *, signed: bool = False, quiet: bool = False) -> Parameter:
    """Return the parameter that says how the weights' scores become a unit's.

    Scores that may be negative are averaged or summed only.
    """
    choices = ("mean", "sum") if signed else ("mean", "sum", "l2", "max")
    return Parameter(name="reduction", default=default, choices=choices, help=HELP, quiet=quiet)


def reduce_layers(units: Units, evidence: Evidence, values: Values, how: str = "mean") -> Tensor:
    """Return what `reduce` does, of whole blocks over the weights of their layers alone, (count,).

    A block's norms and biases have no inputs and outputs of their own that `values` could be of.
    ValueError where a block has no layer.
    """
    if not units.places:
        return reduce(units, values, how)

    def of_layers(name: str) -> Tensor:
        known = name in evidence.layers
        return values(name) if known else torch.zeros_like(evidence.weights[name])

    def counted(name: str) -> Tensor:
        weight = evidence.weights[name]
        return torch.full_like(weight, float(name in evidence.layers))

    count = units.sum(counted)
    if bool((count == 0).any()):
        raise RefusedError(choosing.block_without_layer(units.name))
    return units.sum(of_layers) / count if how == "mean" else reduce(units, of_layers, how)


def reduce(units: Units, values: Values, how: str) -> Tensor:
    """Return the mean, sum, l2 norm or max of the values over each unit's weights, (count,)."""
    if how == "mean":
        return mean(units, values)
    if how == "sum":
        return units.sum(values)
    if how == "max":
        return units.max(values)
    return units.sum(lambda name: values(name).square()).sqrt()
