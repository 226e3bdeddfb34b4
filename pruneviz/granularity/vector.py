"""Vectors: rows and columns of kernels or of a layer's whole matrix."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from pruneviz.granularity.matrix import Axes, MatrixView, kernel_size
from pruneviz.granularity.tiles import tiled
from pruneviz.granularity.units import GRANULARITIES, NO_INTERPRETATIONS, Found, Interpretations
from pruneviz.registry import Parameter


@GRANULARITIES.register(
    name="vector",
    title="Rows and columns",
    family="semi-structured",
    sentence="Sets rows or columns to zero, of every kernel or of the layer's whole matrix "
    "(outputs × inputs and kernel places); linear layers have a matrix only.",
    formula="unit = one row or column of a kernel, or of the matrix (out, in · kernel)",
    source="Mao et al. 2017, arXiv 1705.08922",
    unit="vector",
    parameters=(
        Parameter(
            name="of",
            label="Of every",
            default="kernel",
            choices=("kernel", "matrix"),
            help="What has the rows and columns: every kernel, or the layer's whole matrix.",
        ),
        Parameter(
            name="direction",
            default="row",
            choices=("row", "column"),
            help="A matrix's row makes one output; its column reads one input at one place.",
        ),
    ),
)
def vectors(
    model: nn.Module,
    example: Any,
    interpretations: Interpretations = NO_INTERPRETATIONS,
    of: str = "kernel",
    direction: str = "row",
) -> Found:
    """Return the rows or columns of all layers, and the layers without any."""

    def see(layer: Axes) -> tuple[MatrixView, None]:
        if of == "matrix":
            tile = (1, layer.columns) if direction == "row" else (layer.rows, 1)
            return layer.view(layer.columns, tile), None
        size, wide = kernel_size(layer), layer.kernel[-1]
        high = math.prod(layer.kernel[-2:-1])
        return layer.view(wide, (1, wide) if direction == "row" else (high, 1), lines=size), None

    return tiled(model, see)
