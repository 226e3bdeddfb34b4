"""Which units stay in; the pruned network out: cut smaller, or masked where nothing can be cut."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.granularity.units import GRANULARITIES, Units, choosing_of
from pruneviz.measure.packing import stored_bytes
from pruneviz.network.folding import folded
from pruneviz.network.held import held_tensors
from pruneviz.network.masks import Masks, combine, masked
from pruneviz.pruned.side_by_side import answers
from pruneviz.pruned.surgery import (
    Cut,
    Size,
    Surgery,
    cut,
    cuts_from,
    expand,
    joined_keep,
    sizes_from,
)
from pruneviz.wording import Fact, RefusedError, judged
from pruneviz.wording.refusals import cutting


@dataclass(frozen=True)
class Applied:
    """A pruned network with what was kept of each layer (bool, by units name) and the cuts made.

    `bypassed` are the paths of the modules that return their input from now on.
    """

    original: nn.Module
    units: tuple[Units, ...]
    keep: Mapping[str, Tensor]
    model: nn.Module
    cuts: tuple[Cut, ...]
    sizes: tuple[Size, ...]
    bypassed: tuple[str, ...]

    @property
    def touched(self) -> tuple[Units, ...]:
        """Return the layers of which units go."""
        return tuple(layer for layer in self.units if not bool(self.keep[layer.name].all()))

    @cached_property
    def masks(self) -> Masks:
        """Return the masks by parameter name, on the original's shapes."""
        return combine(layer.masks(self.keep[layer.name]) for layer in self.units)

    @property
    def surgery(self) -> Surgery:
        """Return the cuts as data that can be saved and repeated on other weights."""
        return Surgery(cuts=self.cuts, sizes=self.sizes, bypassed=self.bypassed)

    @property
    def is_cut(self) -> bool:
        """Return whether tensors got smaller or went (else the removed weights are zeros)."""
        return bool(self.cuts or self.bypassed)

    def full_size(self) -> nn.Module:
        """Return the pruned network at the original's size, zeros where it was cut."""
        if not self.is_cut:
            return self.model
        return expand(self.original, self.model, self.cuts, self.bypassed)

    def max_relative_error(self, example: Any, failed: list[str] | None = None) -> float:
        """Return the largest difference between the masked and the cut model's outputs.

        It is relative to the masked model's largest value on `example`, (B, …), in the same slice:
        each index of each dimension but the first is one, so that small answers beside large ones
        count; a slice's own values count for 1 % of the whole tensor's at least, or rounding would.
        Infinite where they differ in shape, or in where they are not finite. Raises ValueError
        where no value is finite, or where there is none. The modules in which the cut model fails
        are put into `failed`, the innermost first.
        """
        if not self.is_cut:
            return 0.0
        touched = self.touched
        stays = joined_keep(layer.call_keep(self.keep[layer.name]) for layer in touched)
        masks = combine(layer.masks(self.keep[layer.name]) for layer in touched)
        preview, real = answers(
            lambda: masked(self.original, masks),
            self.model,
            example,
            stays,
            failed,
            self.bypassed,
            tuple(path for layer in touched for path in choosing_of(layer)),
        )
        if [t.shape for t in preview] != [t.shape for t in real]:
            return float("inf")
        pairs = [(_real(a), _real(b)) for a, b in zip(preview, real, strict=True) if a.numel()]
        if not pairs:
            raise RefusedError(cutting.nothing_to_compare())
        if not all(bool(torch.isfinite(a).any()) for a, _ in pairs):
            raise RefusedError(cutting.answers_not_finite())
        return max(_relative(a, b) for a, b in pairs)


LEAST_SHARE = 0.01  # of a tensor's largest value, what a slice is measured by at least


def _real(answer: Tensor) -> Tensor:
    """Return an answer as float64, a complex one as its two parts."""
    return torch.view_as_real(answer).double() if answer.is_complex() else answer.double()


def _relative(expected: Tensor, actual: Tensor) -> float:
    finite = torch.isfinite(expected)
    if not bool(torch.equal(finite, torch.isfinite(actual))):
        return math.inf
    expected = expected.masked_fill(~finite, 0)
    difference = (expected - actual.masked_fill(~finite, 0)).abs()
    largest = float(expected.abs().max()) or 1.0
    error = float(difference.max()) / largest
    for dim in range(1, expected.ndim):
        across = [d for d in range(expected.ndim) if d != dim]
        scale = expected.abs().amax(across).clamp_min(LEAST_SHARE * largest)
        error = max(error, float((difference.amax(across) / scale).max()))
    return error


def apply(model: nn.Module, units: tuple[Units, ...], keep: Mapping[str, Tensor]) -> Applied:
    """Remove the units that do not stay; `keep` maps a units name to bool (count,)."""
    model = folded(model)
    touched = [layer for layer in units if not bool(keep[layer.name].all())]
    cuts = cuts_from(layer.axis_keep(keep[layer.name]) for layer in touched)
    sizes = sizes_from(layer.size_keep(keep[layer.name]) for layer in touched)
    gone = [layer.bypassed(keep[layer.name]) for layer in touched]
    bypassed = tuple(path for paths in gone for path in paths)
    if cuts or bypassed:
        pruned = cut(model, cuts, sizes, bypassed)
    else:
        pruned = masked(model, combine(layer.masks(keep[layer.name]) for layer in touched))
    return Applied(model, units, keep, pruned, cuts, sizes, bypassed)


def applied_notes(applied: Applied, granularity: str) -> tuple[Fact, ...]:
    """Return what the user must know of a network that was pruned so."""
    whole = GRANULARITIES.get(granularity).family == "structured"
    if applied.is_cut or whole:
        return ()
    masks = {name: mask for name, mask in applied.masks.items() if not bool(mask.all())}
    if not masks:
        return ()
    state = held_tensors(folded(applied.original))
    smaller = stored_bytes(state, masks) < stored_bytes(state)
    return (judged.stays_dense(smaller),)
