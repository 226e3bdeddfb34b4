"""Residual blocks: a unit is a whole residual block, whose place an identity can take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.coupling import layer_of
from pruneviz.coupling.accept import ready
from pruneviz.coupling.interpretations import ViewInterpretation
from pruneviz.granularity.bypassable import Watched, bypass_of, watch
from pruneviz.granularity.units import (
    GRANULARITIES,
    NO_INTERPRETATIONS,
    AxisKeep,
    Found,
    Interpretations,
    Values,
    belongs,
)
from pruneviz.network.masks import Masks
from pruneviz.report import LeftOut

ROOT = "blocks"  # what the blocks of the network itself are called together


@dataclass(frozen=True)
class BlockUnits:
    """The blocks of one stage; unit i is the i-th of them in forward order.

    `parts` says of how many parts a block's answer is, where it is a tuple.
    """

    name: str
    blocks: tuple[str, ...]
    layers: tuple[str, ...]
    shapes: tuple[Mapping[str, tuple[int, ...]], ...]  # of each block's parameters, by name
    parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Return the number of blocks."""
        return len(self.blocks)

    @property
    def least(self) -> int:
        """Return 0: what goes in comes out, so a stage does without any of its blocks."""
        return 0

    @property
    def places(self) -> Mapping[str, int]:
        """Return the number of the block that a module's path is, or that a layer is a part of."""
        return {
            path: unit
            for unit, block in enumerate(self.blocks)
            for path in (block, *(layer for layer in self.layers if belongs(layer, block)))
        }

    def sum(self, values: Values) -> Tensor:
        """Return the sum over all parameters of each block, shape (count,)."""
        return torch.stack(
            [torch.stack([values(name).sum() for name in block]).sum() for block in self.shapes]
        )

    def max(self, values: Values) -> Tensor:
        """Return the largest value over all parameters of each block, shape (count,)."""
        return torch.stack(
            [torch.stack([values(name).amax() for name in block]).amax() for block in self.shapes]
        )

    def sum_coupled(self, values: Values) -> Tensor:
        """Return the sum over all parameters of each block: nothing else goes with it."""
        return self.sum(values)

    def sizes(self) -> Tensor:
        """Return the number of parameters of each block, shape (count,)."""
        return torch.tensor(
            [sum(torch.Size(s).numel() for s in block.values()) for block in self.shapes]
        )

    def masks(self, keep: Tensor) -> Masks:
        """Return masks that take every parameter of a block that goes."""
        return {
            name: torch.tensor(stays).expand(shape)
            for stays, block in zip(keep.tolist(), self.shapes, strict=True)
            for name, shape in block.items()
        }

    def axis_keep(self, keep: Tensor) -> AxisKeep:
        """Return {}: no tensor gets smaller, whole ones go."""
        return {}

    def call_keep(self, keep: Tensor) -> AxisKeep:
        """Return {}: what stays averages over all that it is given."""
        return {}

    def size_keep(self, keep: Tensor) -> AxisKeep:
        """Return {}: no tensor gets smaller."""
        return {}

    def bypassed(self, keep: Tensor) -> tuple[str, ...]:
        """Return the bypasses of the blocks that go."""
        pairs = zip(self.blocks, keep.tolist(), strict=True)
        return tuple(bypass_of(b, self.parts.get(b, 0)) for b, stays in pairs if not stays)

    def apart(self) -> tuple[BlockUnits, ...]:
        """Return each block as a stage of its own, called by its path."""
        pairs = zip(self.blocks, self.shapes, strict=True)
        return tuple(
            BlockUnits(
                block, (block,), tuple(layer for layer in self.layers if belongs(layer, block)),
                (shapes,), {block: self.parts[block]} if block in self.parts else {},
            )
            for block, shapes in pairs
        )  # fmt: skip

    @property
    def interpretations(self) -> frozenset[ViewInterpretation]:
        """Return nothing: a block can be read in one way only."""
        return frozenset()


@GRANULARITIES.register(
    name="depth",
    title="Residual blocks",
    family="structured",
    sentence="Takes whole residual blocks out, so the network gets shallower; widths stay.",
    formula="unit = one module that is the identity when all its parameters are 0",
    source="Chen and Zhao 2018, doi 10.1109/TPAMI.2018.2874634; "
    "Men et al. 2024 (ShortGPT), arXiv 2403.03853",
    unit="residual block",
)
def blocks(
    model: nn.Module, example: Any, interpretations: Interpretations = NO_INTERPRETATIONS
) -> Found:
    """Run the model and return its stages of blocks, and why other layers are in no block."""
    model = ready(model, example)
    watched = watch(model, example)
    stages: dict[str, list[str]] = {}
    for block in watched.blocks:
        stages.setdefault(block.rpartition(".")[0], []).append(block)
    root = ROOT if ROOT not in stages else "model"
    found = tuple(_stage(name or root, each, model, watched) for name, each in stages.items())
    return found, _skipped(model, watched)


def _stage(name: str, stage: list[str], model: nn.Module, watched: Watched) -> BlockUnits:
    shapes = tuple(
        {n: tuple(p.shape) for n, p in model.named_parameters() if belongs(n, block)}
        for block in stage
    )
    layers = {layer_of(parameter) for block in shapes for parameter in block}
    parts = {block: watched.parts[block] for block in stage if block in watched.parts}
    return BlockUnits(name, tuple(stage), watched.in_order(layers), shapes, parts)


def _skipped(model: nn.Module, watched: Watched) -> tuple[LeftOut, ...]:
    """Return every layer with a matrix that is in no block, with the reason."""
    matrices = [name for name, p in model.named_parameters() if p.ndim > 1]
    outside = [n for n in matrices if not any(belongs(n, block) for block in watched.blocks)]
    layers = watched.in_order({layer_of(name) for name in outside})
    return tuple(LeftOut(layer, (watched.why(layer),)) for layer in layers)


__all__ = ["BlockUnits", "blocks"]
