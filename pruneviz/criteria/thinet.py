"""Importance from what the next layer's answers lose without a channel."""

from __future__ import annotations

import torch
from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.criteria.reconstruction import MOST_INPUTS
from pruneviz.granularity.units import Units
from pruneviz.statistics.inputs import readers
from pruneviz.statistics.layers import Layer


@CRITERIA.register(
    name="thinet",
    title="Next layer's reconstruction (ThiNet)",
    family="reconstruction",
    sentence="Takes those channels away, one after another, without which the next layer's answers "
    "change least.",
    formula="order of greedy removal by Σ (Σ over removed j of w_j·x_j)² of the next layers",
    source="Luo et al. 2017, arXiv 1707.06342",
    needs=("next_products",),
    parameters=(MOST_INPUTS,),
    cost="each layer",
)
def thinet(units: Units, evidence: Evidence, most_inputs: int) -> Tensor:
    """Return each channel's place in the order of greedy removal, in (0, 1].

    The paper looks at some random places of the next layer's output; here it is all of them. Its
    rescaling of what stays is left to a recovery.
    """
    products = torch.zeros(units.count, units.count, dtype=torch.float64)
    for layer in readers(units, evidence.layers):
        unit, found = _units_read(units, layer), _contributions(layer, evidence)
        at = torch.nonzero(unit >= 0)[:, 0]
        by_row = torch.zeros(units.count, len(found), dtype=torch.float64)
        by_row.index_add_(0, unit[at], found[at])
        products.index_add_(1, unit[at], by_row[:, at])
    return _order(products)


def _units_read(units: Units, layer: Layer) -> Tensor:
    """Return the unit of each input of a layer, -1 where it is none, (inputs,)."""
    axis = layer.parameter, layer.input_axis
    stays = units.axis_keep(torch.zeros(units.count, dtype=torch.bool))[axis]
    return torch.where(stays, -1, _numbers(units, *axis))


def _numbers(units: Units, name: str, axis: int) -> Tensor:
    """Return the unit of each index along an axis, read bit by bit from what units keep."""
    number = torch.zeros((), dtype=torch.long)
    for bit in range(units.count.bit_length()):
        keep = torch.arange(units.count).bitwise_right_shift(bit).bitwise_and(1).bool()
        number = number + (units.axis_keep(keep)[name, axis].long() << bit)
    return number


def _contributions(layer: Layer, evidence: Evidence) -> Tensor:
    """Return Σ over outputs and places of (w_j·x_j)(w_k·x_k), (inputs, inputs), float64."""
    weight = layer.matrix(evidence.weights[layer.parameter])[0].double()
    inputs = layer.columns // layer.places
    products = evidence.statistic("next_products", layer.parameter)[0]
    parted = (products * (weight.T @ weight)).reshape(inputs, layer.places, inputs, layer.places)
    return parted.sum((1, 3))


def _order(products: Tensor) -> Tensor:
    """Return places from 1 / n to 1 in the order of greedy removal."""
    count = len(products)
    places = torch.empty(count, dtype=torch.float64)
    with_removed, alone = torch.zeros(count, dtype=torch.float64), products.diagonal().clone()
    for place in range(1, count + 1):
        unit = int((alone + 2 * with_removed).argmin())
        places[unit] = place / count
        with_removed += products[:, unit]
        alone[unit] = torch.inf
    return places
