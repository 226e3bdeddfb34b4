"""What a criterion is: a function from a layer's units and the evidence to one score a unit."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pruneviz.granularity.units import Units
from pruneviz.registry import Registry, Value
from pruneviz.statistics.layers import Layer
from pruneviz.statistics.statistic import STATISTICS, Table
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

Criterion = Callable[..., Tensor]  # (units, evidence, **settings) → (count,); higher stays longer
CRITERIA: Registry[Criterion] = Registry("criterion")


@dataclass(frozen=True)
class Evidence:
    """What a criterion may look at: weights, what it asked for, the seed.

    `gradients` are those of one batch, `statistics` tables by name; `layers` say where outputs and
    inputs lie in a weight.
    """

    weights: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    seed: int
    statistics: Mapping[str, Table] = field(default_factory=dict)
    layers: Mapping[str, Layer] = field(default_factory=dict)

    def layer(self, name: str) -> Layer:
        """Return where outputs and inputs lie in a weight; outputs first where nobody knows."""
        return self.layers.get(name) or Layer(name, tuple(self.weights[name].shape))

    def statistic(self, kind: str, name: str) -> Tensor:
        """Return a statistic of a parameter; ValueError names one that was not seen to run."""
        found = self.statistics[kind].get(name)
        if found is None:
            raise RefusedError(choosing.not_seen(STATISTICS.get(kind).title.lower(), name))
        if not bool(torch.isfinite(found).all()):
            title = STATISTICS.get(kind).title.lower()
            raise RefusedError(choosing.statistic_not_finite(title, name))
        return found

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
        if scores[layer.name].is_complex():
            raise RefusedError(choosing.complex_scores(criterion, layer.name))
        # NaN is both the least and the largest: one look, and nothing as large as the scores
        if not bool(torch.stack(scores[layer.name].aminmax()).isfinite().all()):
            raise RefusedError(choosing.scores_not_finite(criterion, layer.name))
    return scores
