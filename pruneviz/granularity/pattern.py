"""Kernel patterns: every kernel keeps its weights at the places of one of a few patterns."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.coupling.left_out import is_layer
from pruneviz.granularity.matrix import Axes, LeftOutError, MatrixView, axes, kernel_size
from pruneviz.granularity.tiles import owns_weight, tiled
from pruneviz.granularity.units import GRANULARITIES, NO_INTERPRETATIONS, Found, Interpretations
from pruneviz.network.folding import folded
from pruneviz.registry import Parameter
from pruneviz.wording import unseen


@dataclass(frozen=True, eq=False)
class BestPattern:
    """The rule of patterns: a kernel keeps the pattern, of `patterns` (P, of), that scores most."""

    patterns: Tensor

    @property
    def of(self) -> int:
        """Return how many weights a kernel has."""
        return self.patterns.shape[1]

    @property
    def stay(self) -> int:
        """Return how many weights a pattern has."""
        return int(self.patterns[0].sum())

    def spared(self, scores: Tensor) -> Tensor:
        """Return the pattern of each kernel, bool (kernels, of); of equals the more frequent."""
        exact = scores.double()
        finite = exact.isfinite()
        large = 1e6 * (1 + exact[finite].abs().max().item() if bool(finite.any()) else 1.0)
        exact = exact.nan_to_num(posinf=large, neginf=-large)
        return self.patterns[(exact @ self.patterns.double().T).argmax(1)]


def frequent(kernels: Iterable[Tensor], kernel: tuple[int, ...], entries: int, most: int) -> Tensor:
    """Return the `most` frequent natural patterns of kernels (count, places), bool (P, places).

    A kernel's natural pattern is its `entries` largest weights; the centre, where a kernel has one,
    is always among them. The most frequent comes first; of equals that with the earlier places.
    """
    counts: dict[tuple[int, ...], int] = {}
    size = math.prod(kernel)
    for each in kernels:
        sizes = each.detach().abs()
        if all(side % 2 for side in kernel):
            sizes = sizes.clone()
            sizes[:, size // 2] = torch.inf
        places = sizes.argsort(dim=1, descending=True, stable=True)[:, :entries].sort(1).values
        for places_of, number in _counted(places, size):
            counts[places_of] = counts.get(places_of, 0) + number
    ranked = sorted(counts, key=lambda places: (-counts[places], places))[:most]
    patterns = torch.zeros(len(ranked), size, dtype=torch.bool)
    return patterns.scatter_(1, torch.tensor(ranked), True)


def _counted(places: Tensor, size: int) -> Iterable[tuple[tuple[int, ...], int]]:
    """Return each different row of places, and how often it is there."""
    if size <= 62:  # as bits of one number, which are counted much faster
        first, numbers = _unique((1 << places).sum(1))
        distinct = places[first]
    else:
        distinct, numbers = places.unique(dim=0, return_counts=True)
    return zip(map(tuple, distinct.tolist()), numbers.tolist(), strict=True)


def _unique(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return where each different code is found, and how often it is there."""
    found, inverse, numbers = codes.unique(return_inverse=True, return_counts=True)
    first = torch.empty(len(found), dtype=torch.long)
    first[inverse] = torch.arange(len(codes))
    return first, numbers


@GRANULARITIES.register(
    name="pattern",
    title="Kernel patterns",
    family="semi-structured",
    sentence="Every pruned kernel keeps its best of a few patterns, those that the largest weights "
    "of all kernels form most often; a smaller amount leaves kernels whole.",
    formula="unit = one weight; of a kernel all but argmax_P Σ_{i ∈ P} uᵢ go together",
    source="Niu et al. 2020 (PatDNN), arXiv 2001.00138",
    unit="weight",
    parameters=(
        Parameter(
            name="entries",
            label="Weights kept",
            default=4,
            minimum=1,
            maximum=64,
            help="How many weights a kernel keeps.",
        ),
        Parameter(
            name="patterns",
            label="Number of patterns",
            default=8,
            minimum=1,
            maximum=256,
            help="How many different patterns there are for kernels of one shape.",
        ),
    ),
)
def patterns(
    model: nn.Module,
    example: Any,
    interpretations: Interpretations = NO_INTERPRETATIONS,
    entries: int = 4,
    patterns: int = 8,
) -> Found:
    """Return the weights of all convolutions, kernel by kernel, and the layers without patterns."""
    rules = {
        shape: BestPattern(frequent(kernels, shape, entries, patterns))
        for shape, kernels in _kernels(model, entries).items()
    }

    def see(layer: Axes) -> tuple[MatrixView, BestPattern]:
        size = _size(layer, entries)
        return layer.view(size, (1, 1), lines=size), rules[layer.kernel]

    return tiled(model, see)


def _kernels(model: nn.Module, entries: int) -> dict[tuple[int, ...], list[Tensor]]:
    """Return the kernels larger than a pattern by their shape, (count, places) a layer."""
    model = folded(model)
    found: dict[tuple[int, ...], list[Tensor]] = {}
    for name, module in model.named_modules():
        if is_layer(module) and owns_weight(model, name, module):
            layer = axes(module)
            size = math.prod(layer.kernel)
            if layer.kernel and size > entries:
                view = layer.view(size, (1, 1))
                found.setdefault(layer.kernel, []).append(view.matrix(module.weight.detach()))
    return found


def _size(layer: Axes, entries: int) -> int:
    """Return how many weights a kernel has; LeftOutError where a pattern would keep them all."""
    size = kernel_size(layer)
    if size <= entries:
        raise LeftOutError(unseen.kernels_too_small(size, entries))
    return size
