"""A layer's weight as a matrix: a row for each output, a column for each input it reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.coupling.left_out import is_layer
from pruneviz.network.cuttable_forms import Explicit
from pruneviz.network.plain_layers import inputs_first
from pruneviz.network.study import study


@dataclass(frozen=True)
class Layer:
    """Where outputs and inputs lie in a weight: (outputs, inputs / groups, …) as a rule.

    A transposed convolution's and an embedding's is (inputs, outputs / groups, …), and so is that
    of a linear layer whose weight lies so. Where a packed projection's parts are used apart, each
    is a group, and a layer of its own too: `whole` is then the name of the parameter.
    """

    parameter: str
    shape: tuple[int, ...]
    groups: int = 1
    transposed: bool = False
    whole: str = ""

    @property
    def outputs(self) -> int:
        """Return the number of output channels."""
        return self.shape[1] * self.groups if self.transposed else self.shape[0]

    @property
    def input_axis(self) -> int:
        """Return the axis of the weight along which its inputs lie."""
        return 0 if self.transposed else 1

    @property
    def places(self) -> int:
        """Return the number of places of the kernel, 1 for a linear layer."""
        return math.prod(self.shape[2:])

    @property
    def columns(self) -> int:
        """Return how many inputs an output reads: input channels of its group × kernel places."""
        first = self.shape[0] // self.groups if self.transposed else math.prod(self.shape[1:2])
        return first * self.places

    def matrix(self, weight: Tensor) -> Tensor:
        """Return the weight, or anything of its shape, as (groups, outputs / groups, columns)."""
        if not self.transposed:
            return weight.reshape(self.groups, self.outputs // self.groups, self.columns)
        parted = weight.reshape(self.groups, self.shape[0] // self.groups, -1, self.places)
        return parted.transpose(1, 2).reshape(self.groups, -1, self.columns)

    def weight(self, matrix: Tensor) -> Tensor:
        """Return a matrix, as `matrix` makes it, in the weight's shape."""
        if not self.transposed:
            return matrix.reshape(self.shape)
        parted = matrix.reshape(self.groups, self.shape[1], -1, self.places)
        return parted.transpose(1, 2).reshape(self.shape)

    def by_output(self, values: Tensor) -> Tensor:
        """Return one value an output, (outputs,), for each of its weights, in their shape."""
        size = self.groups, self.outputs // self.groups, self.columns
        return self.weight(values.reshape(*size[:2], 1).expand(size))

    def by_column(self, values: Tensor) -> Tensor:
        """Return one value a column, (groups, columns), for each of its weights, in their shape."""
        size = self.groups, self.outputs // self.groups, self.columns
        return self.weight(values.reshape(self.groups, 1, self.columns).expand(size))


def packed(layer: Layer, count: int) -> list[Layer]:
    """Return a weight's equal parts, one below another, as layers of their own."""
    shape = (layer.shape[0] // count, *layer.shape[1:])
    name = layer.parameter
    return [Layer(f"{name}[{at}]", shape, whole=name) for at in range(count)]


def joined(table: Mapping[str, Tensor], layers: Mapping[str, Layer]) -> Mapping[str, Tensor]:
    """Return a table in which what is known of a packed weight's parts stands under its name."""
    parts: dict[str, list[Tensor]] = {}
    for name, layer in layers.items():
        if layer.whole and name in table:
            parts.setdefault(layer.whole, []).append(table[name])
    whole = {n: torch.cat(each) for n, each in parts.items() if len(each) == layers[n].groups}
    return {**table, **whole}


def layers_of(model: nn.Module) -> dict[str, Layer]:
    """Return the convolutions, linear layers and embeddings of a model by their weight's name.

    The projections of attention are among them, packed ones whole and in parts. A weight that an
    embedding and a linear layer share is the linear layer's, whose calls are looked at.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    called = {id(m.weight) for m in model.modules() if is_layer(m)}
    found: dict[str, Layer] = {}
    for module in model.modules():
        embeds = isinstance(module, nn.Embedding)
        if (embeds or is_layer(module)) and id(module.weight) in names:
            if embeds and id(module.weight) in called:
                continue
            own = module.get_parameter("weight")
            name = names[id(own)]
            groups = getattr(module, "groups", 1)
            turned = embeds or getattr(module, "transposed", False) or inputs_first(module)
            found.setdefault(name, Layer(name, tuple(own.shape), int(groups), turned))
    for module in study(model).modules():
        for name, count in module.projections.items() if isinstance(module, Explicit) else ():
            weight = dict(module.named_parameters()).get(name)
            if weight is not None and id(weight) in names:
                layer = Layer(names[id(weight)], tuple(weight.shape), count)
                parts = packed(layer, count) if count > 1 else []
                found.update({each.parameter: each for each in (layer, *parts)})
    return found
