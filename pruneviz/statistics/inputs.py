"""What layers read: the energy of each input, and all products of two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.granularity.units import Units
from pruneviz.statistics.layers import Layer
from pruneviz.statistics.statistic import STATISTICS, StatisticRequest, Table
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

WINDOW_NUMBERS = 2**24  # unfolded inputs held at once: 64 MB


class Inputs:
    """An observer of what layers read; `add` takes a batch in."""

    passes = 1

    def __init__(self, asked: StatisticRequest, wanted: frozenset[str] | None = None) -> None:
        """Look at the layers with the wanted weights, or at all that the units touch."""
        self.asked = asked
        self._wanted = asked.touched if wanted is None else wanted
        self.sums: dict[str, Tensor] = {}
        self.seen: dict[str, int] = {}

    def reads(self, layer: Layer, x: Tensor, options: Mapping[str, Any]) -> None:
        """Take in a batch, (B, …)."""
        if (layer.whole or layer.parameter) in self._wanted:
            self.add(layer, x, options)
            self.seen[layer.parameter] = self.seen.get(layer.parameter, 0) + len(x)

    def add(self, layer: Layer, x: Tensor, options: Mapping[str, Any]) -> None:
        """Add a batch to the sums."""
        raise NotImplementedError

    def answers(self, layer: Layer, activation: Tensor) -> None:
        """Take no part of it."""

    def turn(self) -> None:
        """Do nothing: one pass is enough."""

    def keep(self, layer: Layer, sums: Tensor) -> None:
        """Add to the sums of a layer, in float64."""
        before = self.sums.get(layer.parameter)
        self.sums[layer.parameter] = sums.double() if before is None else before + sums


class InputSquares(Inputs):
    """Σ x² for each input that a weight is multiplied with."""

    def add(self, layer: Layer, x: Tensor, options: Mapping[str, Any]) -> None:
        """Add the squares: those of a batch at once, and only then place by place."""
        if options["table"]:
            self.keep(layer, x.reshape(-1).bincount(minlength=layer.columns)[None])
            return
        if options["linear"]:
            self.keep(layer, x.reshape(-1, x.shape[-1]).square().sum(0)[None])
            return
        squares = _batched(x, layer).square().sum(0, keepdim=True)
        if options["turned"]:  # each place of the kernel meets every input (but for the edges)
            each = squares.flatten(1).reshape(layer.groups, -1, squares[0, 0].numel()).sum(2)
            self.keep(layer, each[:, :, None].expand(-1, -1, layer.places).flatten(1))
            return
        self.keep(layer, windows(squares, layer, options).sum(2).reshape(layer.groups, -1))

    def table(self) -> Table:
        """Return Σ x² in the weights' shapes, float64."""
        return {name: self.asked.layers[name].by_column(s) for name, s in self.sums.items()}


class Grams(Inputs):
    """XᵀX of each layer's inputs: (groups, columns, columns), divided by the samples."""

    def add(self, layer: Layer, x: Tensor, options: Mapping[str, Any]) -> None:
        """Add the products; ValueError names a layer that reads too many inputs."""
        most = int(self.asked.settings["most_inputs"])
        if layer.columns > most:
            raise RefusedError(
                choosing.too_many_inputs(self.asked.criterion, layer.parameter, layer.columns, most)
            )
        if options["table"]:
            x = nn.functional.one_hot(x, layer.columns).double()
        if options["linear"] or options["table"]:
            rows = x.reshape(-1, x.shape[-1])
            self.keep(layer, (rows.T @ rows)[None])
            return
        x = _batched(x, layer)
        if options["turned"]:
            x, options = _as_convolution(x, layer, options)
        size = layer.groups * layer.columns * max(1, x[0, 0].numel())
        for part in x.split(max(1, WINDOW_NUMBERS // size)):
            seen = windows(part, layer, options)  # (B, inputs, positions, places)
            seen = seen.unflatten(1, (layer.groups, -1)).permute(1, 0, 3, 2, 4)
            rows = seen.reshape(layer.groups, -1, layer.columns)
            self.keep(layer, rows.transpose(1, 2) @ rows)

    def table(self) -> Table:
        """Return XᵀX / N by weight, (groups, columns, columns), float64."""
        return {name: sums / self.seen[name] for name, sums in self.sums.items()}


def _batched(x: Tensor, layer: Layer) -> Tensor:
    return x if x.ndim == len(layer.shape) else x[None]


def _each(value: Any, count: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (int(value),) * count


def windows(x: Tensor, layer: Layer, options: Mapping[str, Any]) -> Tensor:
    """Return what a convolution sees, (B, inputs, positions, places); a view as far as it can be.

    `x` is (B, inputs, …); `options` are stride, padding and dilation as torch takes them.
    """
    kernel = layer.shape[2:]
    stride = _each(options.get("stride", 1), len(kernel))
    dilation = _each(options.get("dilation", 1), len(kernel))
    padding = options.get("padding", 0)
    edges = []
    for at, size in enumerate(kernel):
        if padding == "same":
            total = dilation[at] * (size - 1)
            edges.append((total // 2, total - total // 2))
        else:
            each = 0 if padding == "valid" else _each(padding, len(kernel))[at]
            edges.append((each, each))
    x = nn.functional.pad(x, [side for pair in reversed(edges) for side in pair])
    for at, size in enumerate(kernel):
        x = x.unfold(2 + at, dilation[at] * (size - 1) + 1, stride[at])[..., :: dilation[at]]
    return x.flatten(2 + len(kernel)).flatten(2, 1 + len(kernel))


def _as_convolution(
    x: Tensor, layer: Layer, options: Mapping[str, Any]
) -> tuple[Tensor, dict[str, Any]]:
    """Return the input and options of the convolution that a transposed one is.

    Zeros go between the inputs, and the kernel is turned round: so are the windows here.
    """
    kernel = layer.shape[2:]
    stride = _each(options.get("stride", 1), len(kernel))
    dilation = _each(options.get("dilation", 1), len(kernel))
    padding = _each(options.get("padding", 0), len(kernel))
    extra = _each(options.get("output_padding", 0), len(kernel))
    sizes = [(n - 1) * s + 1 for n, s in zip(x.shape[2:], stride, strict=True)]
    between = x.new_zeros(*x.shape[:2], *sizes)
    every = tuple(slice(None, None, s) for s in stride)
    between[(slice(None), slice(None), *every)] = x
    edges = []
    for at, size in enumerate(kernel):
        each = dilation[at] * (size - 1) - padding[at]
        edges.append((each, each + extra[at]))
    padded = nn.functional.pad(between, [side for pair in reversed(edges) for side in pair])
    turned = torch.flip(padded, dims=list(range(2, padded.ndim)))
    return turned, {"stride": 1, "padding": 0, "dilation": dilation}


@STATISTICS.register(
    name="input_squares",
    title="Squares of the inputs",
    family="forward",
    sentence="The sum over the data of the squared input that each weight is multiplied with.",
    formula="‖xⱼ‖₂²",
    source="Sun et al. 2023, arXiv 2306.11695",
    needs=("data",),
)
def input_squares(asked: StatisticRequest) -> InputSquares:
    """Return the observer of squared inputs."""
    return InputSquares(asked)


@STATISTICS.register(
    name="input_products",
    title="Products of the inputs",
    family="forward",
    sentence="The mean over samples of the products of every two inputs of a layer.",
    formula="XᵀX / N",
    source="Hassibi and Stork 1993; Frantar and Alistarh 2023, arXiv 2301.00774",
    needs=("data",),
)
def input_products(asked: StatisticRequest) -> Grams:
    """Return the observer of products of inputs."""
    return Grams(asked)


@STATISTICS.register(
    name="next_products",
    title="Products of the next layers' inputs",
    family="forward",
    sentence="As the products of the inputs, for the layers that read whole channels.",
    formula="XᵀX / N",
    source="Luo et al. 2017, arXiv 1707.06342",
    needs=("data",),
)
def next_products(asked: StatisticRequest) -> Grams:
    """Return the observer; ValueError names units that no layer reads as whole channels."""
    wanted: set[str] = set()
    for units in asked.units:
        found = readers(units, asked.layers)
        if not found:
            raise RefusedError(choosing.no_readers(asked.criterion, units.name))
        wanted.update(layer.parameter for layer in found)
    return Grams(asked, frozenset(wanted))


def readers(units: Units, layers: Mapping[str, Layer]) -> list[Layer]:
    """Return the layers, those with groups apart, whose inputs are units."""
    axes = units.axis_keep(torch.zeros(units.count, dtype=torch.bool))
    found = [(layers[name], axis) for name, axis in axes if name in layers]
    return [layer for layer, axis in found if layer.groups == 1 and axis == layer.input_axis]
