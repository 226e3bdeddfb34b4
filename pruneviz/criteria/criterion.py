"""What a criterion is: a function from a layer's units and the evidence to one score a unit."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pruneviz.granularity.units import Units
from pruneviz.registry import Registry, Value

Criterion = Callable[..., Tensor]  # (units, evidence, **settings) → (count,); higher stays longer
CRITERIA: Registry[Criterion] = Registry("criterion")


@dataclass(frozen=True)
class Evidence:
    """What a criterion may look at: weights, gradients of one batch (if it asked), the seed."""

    weights: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    seed: int

    def generator(self, name: str) -> torch.Generator:
        """Return a generator of its own for each layer, so that layers do not shift one another."""
        # torch looks at 32 bits of a seed only
        return torch.Generator().manual_seed(zlib.crc32(f"{self.seed}:{name}".encode()))


def score(
    criterion: str,
    settings: Mapping[str, Value],
    units: tuple[Units, ...],
    evidence: Evidence,
) -> dict[str, Tensor]:
    """Return each layer's scores, shape (count,), finite; ValueError names a layer with NaN."""
    entry = CRITERIA.get(criterion)
    values = entry.settings(settings)
    scores = {}
    for layer in units:
        scores[layer.name] = entry.implementation(layer, evidence, **values)
        if not bool(torch.isfinite(scores[layer.name]).all()):
            raise ValueError(
                f"criterion '{criterion}' gives scores that are not finite in layer "
                f"'{layer.name}': look for NaN or infinite values in its weights or in the data"
            )
    return scores
