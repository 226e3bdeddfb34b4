"""Kernels: what one output of a convolution reads of one input."""

from __future__ import annotations

from typing import Any

from torch import nn

from pruneviz.granularity.matrix import Axes, MatrixView, kernel_size
from pruneviz.granularity.tiles import tiled
from pruneviz.granularity.units import GRANULARITIES, NO_INTERPRETATIONS, Found, Interpretations


@GRANULARITIES.register(
    name="kernel",
    title="Kernels",
    family="semi-structured",
    sentence="Sets whole kernels to zero, so that an output no longer reads an input; linear "
    "layers have none and stay whole.",
    formula="unit = the kernel of one output and one input",
    source="Mao et al. 2017, arXiv 1705.08922",
    unit="kernel",
)
def kernels(
    model: nn.Module, example: Any, interpretations: Interpretations = NO_INTERPRETATIONS
) -> Found:
    """Return the kernels of all convolutions, and the layers without any."""

    def see(layer: Axes) -> tuple[MatrixView, None]:
        size = kernel_size(layer)
        return layer.view(size, (1, size), lines=size), None

    return tiled(model, see)
