"""Importance from what the next layer's answers lose without a channel."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pruneviz.calibrate.layers import Layer
from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.criteria.reconstruction import MOST_INPUTS
from pruneviz.granularity.units import Units


@CRITERIA.register(
    name="thinet",
    title="Next layer's reconstruction (ThiNet)",
    family="reconstruction",
    sentence="Takes those channels away, one after another, without which the next layer's answers "
    "change least.",
    formula="order of greedy removal by Σ (Σ over removed j of w_j·x_j)² of the next layers",
    source="Luo et al. 2017, arXiv 1707.06342",
    needs=("input_products",),
    parameters=(MOST_INPUTS,),
)
def thinet(units: Units, evidence: Evidence, most_inputs: int) -> Tensor:
    """Return each channel's place in the order of greedy removal, in (0, 1].

    The paper looks at some random places of the next layer's output; here it is all of them. Its
    rescaling of what stays is left to a recovery. ValueError where units are no channels.
    """
    products = torch.zeros(units.count, units.count, dtype=torch.float64)
    met = False
    for layer, unit in _readers(units, evidence):
        met = True
        found = _contributions(layer, evidence)
        at = torch.nonzero(unit >= 0)[:, 0]
        by_row = torch.zeros(units.count, len(found), dtype=torch.float64)
        by_row.index_add_(0, unit[at], found[at])
        products += torch.zeros_like(products).index_add_(1, unit[at], by_row[:, at])
    if not met:
        raise ValueError(
            f"criterion 'thinet' asks what the layers after '{units.name}' lose, and none is known "
            "that reads whole channels of it: choose channels and neurons, or another criterion, "
            "such as magnitude_l1"
        )
    return _order(products)


def _readers(units: Units, evidence: Evidence) -> Iterator[tuple[Layer, Tensor]]:
    """Yield the layers that read units, each with the unit of every input, -1 for none."""
    products = evidence.statistics["input_products"]
    none = units.axis_keep(torch.zeros(units.count, dtype=torch.bool))
    for (name, axis), stays in none.items():
        layer = evidence.layers.get(name)
        if layer and layer.groups == 1 and axis == layer.input_axis and name in products:
            yield layer, torch.where(stays, -1, _numbers(units, name, axis))


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
    products = evidence.statistics["input_products"][layer.parameter][0]
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
