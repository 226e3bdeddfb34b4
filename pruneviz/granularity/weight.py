"""Single weights: every weight of a convolution or linear layer is a unit of its own."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from pruneviz.granularity.matrix import Axes, MatrixView
from pruneviz.granularity.tiles import tiled
from pruneviz.granularity.units import GRANULARITIES, NO_INTERPRETATIONS, Found, Interpretations


@GRANULARITIES.register(
    name="weight",
    title="Single weights",
    family="unstructured",
    sentence="Sets single weights to zero; many zeros shrink the file, the arithmetic stays dense.",
    formula="unit = one weight of a convolution or linear layer",
    source="Han et al. 2015, arXiv 1506.02626",
)
def weights(
    model: nn.Module, example: Any, interpretations: Interpretations = NO_INTERPRETATIONS
) -> Found:
    """Return the weight tensors of all convolutions and linear layers, and what is left out."""
    return tiled(model, lambda layer: (_in_place(layer), None))


def _in_place(layer: Axes) -> MatrixView:
    """Return the weights as they lie in memory: unit i is the i-th."""
    order = tuple(range(len(layer.shape)))
    first = layer.shape[0]
    columns = math.prod(layer.shape) // max(first, 1)
    return MatrixView(layer.shape, layer.shape, order, max(columns, 1), (1, 1), first)
