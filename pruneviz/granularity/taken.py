"""What goes with one channel: every place in the network that holds a part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import nn

from pruneviz.coupling import Member, layer_of
from pruneviz.coupling.left_out import is_layer
from pruneviz.granularity.channel import ChannelUnits
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

Role = Literal["output", "input", "bias", "vectors", "statistics", "part"]


@dataclass(frozen=True)
class Taken:
    """Indices of an axis that go with a channel, in one or more parameters of one layer.

    `role` is what they are to the layer: its outputs or inputs (a matrix), its bias, the vectors
    or running statistics of a norm, or a part of something else. `numbers` is how many values go.
    """

    layer: str
    role: Role
    parameters: tuple[str, ...]
    axis: int
    indices: tuple[int, ...]
    numbers: int


def taken(model: nn.Module, units: ChannelUnits, channel: int) -> tuple[Taken, ...]:
    """Return all that goes with a channel, in forward order; ValueError when there is no such."""
    _check(units, channel)
    found: dict[tuple[str, Role, int, tuple[int, ...]], list[str]] = {}
    for member in units.group.members:
        indices = tuple(member.index[member.unit == channel].tolist())
        if indices:
            place = (layer_of(member.parameter), _role(model, units, member), member.axis, indices)
            found.setdefault(place, []).append(member.parameter)
    return tuple(
        Taken(layer, role, tuple(names), axis, indices, _numbers(units, names, axis, len(indices)))
        for (layer, role, axis, indices), names in found.items()
    )


def parameters_taken(units: ChannelUnits, channel: int) -> int:
    """Return how many parameters a network loses with one channel; statistics are none."""
    _check(units, channel)
    stays: dict[str, dict[int, int]] = {}
    for member in units.group.members:
        if member.parameter not in units.buffers:
            shape = units.shapes[member.parameter]
            axes = stays.setdefault(member.parameter, dict(enumerate(shape)))
            axes[member.axis] -= int((member.unit == channel).sum())
    return sum(
        math.prod(units.shapes[name]) - math.prod(axes.values()) for name, axes in stays.items()
    )


def _check(units: ChannelUnits, channel: int) -> None:
    if not 0 <= channel < units.count:
        raise RefusedError(choosing.no_such_channel(units.name, units.count - 1, channel))


def _numbers(units: ChannelUnits, names: list[str], axis: int, indices: int) -> int:
    return sum(math.prod(units.shapes[n]) // units.shapes[n][axis] * indices for n in names)


def _role(model: nn.Module, units: ChannelUnits, member: Member) -> Role:
    """Return what a member is to the layer that owns it."""
    if member.produces:
        return "output"
    vector = len(units.shapes[member.parameter]) == 1
    if member.parameter in units.buffers:
        return "statistics" if vector else "part"
    owner = model.get_submodule(layer_of(member.parameter)) if "." in member.parameter else model
    if is_layer(owner) or isinstance(owner, nn.MultiheadAttention):
        return "bias" if vector else "input"
    return "vectors" if vector else "part"
