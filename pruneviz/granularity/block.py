"""Blocks of weights: rectangles of a layer's matrix, which block-sparse kernels skip whole."""

from __future__ import annotations

from typing import Any

from torch import nn

from pruneviz.granularity.matrix import Axes, LeftOutError, MatrixView
from pruneviz.granularity.tiles import tiled
from pruneviz.granularity.units import GRANULARITIES, NO_INTERPRETATIONS, Found, Interpretations
from pruneviz.registry import Parameter
from pruneviz.wording import unseen


@GRANULARITIES.register(
    name="block",
    title="Blocks of weights",
    family="semi-structured",
    sentence="Sets rectangles of a layer's matrix (outputs × inputs and kernel places) to zero; "
    "those at its last rows and columns are smaller where it cannot be divided.",
    formula="unit = rows × columns of the matrix (out, in · kernel)",
    source="Narang et al. 2017, arXiv 1711.02782",
    unit="tile",
    parameters=(
        Parameter(name="rows", default=4, minimum=1, maximum=4096, help="Outputs in a block."),
        Parameter(
            name="columns",
            default=4,
            minimum=1,
            maximum=65536,
            help="Weights of one output in a block: inputs times kernel places.",
        ),
    ),
)
def blocks(
    model: nn.Module,
    example: Any,
    interpretations: Interpretations = NO_INTERPRETATIONS,
    rows: int = 4,
    columns: int = 4,
) -> Found:
    """Return the matrices in blocks; a layer that is no larger than one block is left out."""

    def see(layer: Axes) -> tuple[MatrixView, None]:
        if rows >= layer.rows and columns >= layer.columns:
            raise LeftOutError(unseen.one_block(rows, columns, layer.rows, layer.columns))
        view = layer.view(layer.columns, (rows, columns), lines=columns)
        return view, None

    return tiled(model, see)
