"""Channels and neurons: a unit is an output of a layer, with all that must go with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.coupling import Group, Member, layer_of, trace
from pruneviz.coupling.accept import ready
from pruneviz.coupling.interpretations import ViewInterpretation
from pruneviz.granularity.units import (
    GRANULARITIES,
    NO_INTERPRETATIONS,
    NOTHING,
    AxisKeep,
    Found,
    Interpretations,
    Units,
    Values,
)
from pruneviz.network.masks import Masks, combine
from pruneviz.report import LeftOut, Skipped
from pruneviz.wording import Fact, stays


@dataclass(frozen=True)
class ChannelUnits:
    """A group of coupled channels; unit u takes every index of every axis that belongs to it."""

    group: Group
    shapes: dict[str, tuple[int, ...]]
    buffers: frozenset[str]

    @property
    def name(self) -> str:
        """Return the name of the first layer of the group."""
        return self.group.name

    @property
    def noun(self) -> str:
        """Return what one unit is called."""
        return "head" if self.group.heads else "channel"

    @property
    def layers(self) -> tuple[str, ...]:
        """Return every layer whose outputs the units are."""
        return self.group.layers

    def parts(self) -> dict[str, tuple[int, int]]:
        """Return by layer how many of its outputs these are, and how many it has: (4, 12)."""
        found: dict[str, tuple[int, int]] = {}
        for member in self.group.members:
            if member.produces:
                part = len(member.index), member.size
                found.setdefault(layer_of(member.parameter), part)
        return found

    @property
    def count(self) -> int:
        """Return the number of channels or neurons."""
        return self.group.count

    @property
    def least(self) -> int:
        """Return 1: a layer without any output is no layer."""
        return 1

    @property
    def places(self) -> Mapping[str, int]:
        """Return {}: a layer is many channels."""
        return NOTHING

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the first weights whose outputs the units are."""
        made = [self.shapes[m.parameter] for m in self.group.members if m.produces]
        return max(made, key=len, default=(self.count,))

    def sum(self, values: Values) -> Tensor:
        """Return the sum over the weights that produce each unit (its filters), shape (count,)."""
        return self._sum(values, (m for m in self.group.members if m.produces))

    def max(self, values: Values) -> Tensor:
        """Return the largest value over the weights that produce each unit, shape (count,)."""
        found = torch.full((self.count,), -torch.inf)
        for member in self.group.members:
            if member.produces:
                across = values(member.parameter).movedim(member.axis, 0)
                rows = across.reshape(len(across), -1).amax(1)
                found = found.to(rows.dtype).scatter_reduce(
                    0, member.unit, rows[member.index], "amax"
                )
        return found

    def sum_coupled(self, values: Values) -> Tensor:
        """Return the sum over all weights cut with each unit: filters, norms, next inputs."""
        members = self.group.members
        return self._sum(values, (m for m in members if m.parameter not in self.buffers))

    def _sum(self, values: Values, members: Iterable[Member]) -> Tensor:
        total = torch.zeros(self.count)
        for member in members:
            across = values(member.parameter).movedim(member.axis, 0)
            rows = across.reshape(len(across), -1).sum(1)
            total = total.to(rows.dtype).index_add(0, member.unit, rows[member.index])
        return total

    def sizes(self) -> Tensor:
        """Return the number of weights that produce each unit, shape (count,)."""
        total = torch.zeros(self.count, dtype=torch.long)
        for member in self.group.members:
            if member.produces:
                shape = self.shapes[member.parameter]
                row = torch.Size(shape).numel() // shape[member.axis]
                total.index_add_(0, member.unit, torch.full_like(member.unit, row))
        return total

    def axis_keep(self, keep: Tensor) -> AxisKeep:
        """Return for every axis that the units touch which of its indices stay."""
        return {
            (member.parameter, member.axis): _stays(
                member, self.shapes[member.parameter][member.axis], keep
            )
            for member in self.group.members
        }

    def call_keep(self, keep: Tensor) -> AxisKeep:
        """Return, by (call, dimension), over which indices calls average."""
        kept: dict[tuple[str, int], Tensor] = {}
        for member in self.group.calls:
            place, some = (member.parameter, member.axis), _stays(member, member.size, keep)
            kept[place] = kept[place] & some if place in kept else some
        return kept

    def size_keep(self, keep: Tensor) -> AxisKeep:
        """Return, by (attribute, place), what stays of the sizes that modules remember."""
        return {(m.parameter, m.axis): _stays(m, m.size, keep) for m in self.group.sizes}

    def bypassed(self, keep: Tensor) -> tuple[str, ...]:
        """Return (): tensors get smaller, and every module still computes."""
        return ()

    @property
    def interpretations(self) -> frozenset[ViewInterpretation]:
        """Return the calls that could be read otherwise, each with the module that makes it."""
        return self.group.interpretations

    def masks(self, keep: Tensor) -> Masks:
        """Return the masks of all parameters that the units touch (buffers have none)."""
        parts = []
        for (name, axis), kept in self.axis_keep(keep).items():
            if name not in self.buffers:
                view = [1] * len(self.shapes[name])
                view[axis] = kept.numel()
                parts.append({name: kept.view(view).expand(self.shapes[name])})
        return combine(parts)


def _stays(member: Member, size: int, keep: Tensor) -> Tensor:
    """Return for each index along a member's axis whether it stays."""
    kept = torch.ones(size, dtype=torch.bool)
    kept[member.index] = keep[member.unit]
    return kept


@GRANULARITIES.register(
    name="channel",
    title="Channels and neurons",
    family="structured",
    sentence="Cuts whole channels and neurons out, so the network gets smaller and faster.",
    formula="unit = one output of a layer, with every index that must go with it",
    source="Li et al. 2016, arXiv 1608.08710",
)
def channels(
    model: nn.Module, example: Any, interpretations: Interpretations = NO_INTERPRETATIONS
) -> Found:
    """Trace the model and return its groups of channels, and the layers that cannot be cut."""
    return coupled(model, example, interpretations)


def coupled(
    model: nn.Module, example: Any, interpretations: Interpretations
) -> tuple[tuple[ChannelUnits, ...], tuple[LeftOut, ...]]:
    """Trace the model and return its groups as units, and the layers that are in none."""
    model = ready(model, example)
    coupling = trace(model, example, interpretations)
    tensors = [*model.named_parameters(), *model.named_buffers()]
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors}
    buffers = frozenset(name for name, _ in model.named_buffers())
    found = tuple(ChannelUnits(group, shapes, buffers) for group in coupling.groups)
    return found, coupling.skipped


def layer_by_layer(found: tuple[Units, ...], faulty: tuple[Skipped, ...]) -> tuple[LeftOut, ...]:
    """Return each layer whose outputs are units that failed, with how many if not all of them."""
    units = {layer.name: layer for layer in found}
    told: dict[tuple[str, Fact], None] = {}
    for item in faulty:
        own = units[item.name]
        parts = own.parts() if isinstance(own, ChannelUnits) else {item.name: (1, 1)}
        fault = stays.cut_fails(item.reason)
        for name, (some, every) in parts.items():
            told[name, fault if some == every else stays.some_units(some, every, fault)] = None
    return tuple(LeftOut(name, (why,)) for name, why in told)


__all__ = ["ChannelUnits", "channels", "coupled", "layer_by_layer"]
