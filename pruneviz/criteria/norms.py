"""Importance from the scales that BatchNorm learned."""

import torch
from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.granularity.units import Units, mean


@CRITERIA.register(
    name="bn_scale",
    title="BatchNorm scale",
    family="magnitude",
    sentence="Keeps the channels that BatchNorm scales up. Layers without BatchNorm are ranked by "
    "their weights' size beside the layer's mean, a scale of about 1.",
    formula="mean of |γ| over the BatchNorm layers of the unit's channels",
    source="Liu et al. 2017, arXiv 1708.06519",
    needs=("norm_scales",),
    cost="weights",
)
def bn_scale(units: Units, evidence: Evidence) -> Tensor:
    """Return the mean |γ| of the channels that each unit is, or is a part of."""
    scales = evidence.statistics["norm_scales"]

    def coupled(name: str) -> Tensor:
        is_norm = name in scales and name not in evidence.layers
        return scales[name] if is_norm else torch.zeros_like(evidence.weights[name])

    def counted(name: str) -> Tensor:
        is_norm = name in scales and name not in evidence.layers
        weight = evidence.weights[name]
        return torch.ones_like(weight) if is_norm else torch.zeros_like(weight)

    count = units.sum_coupled(counted)
    if bool((count > 0).all()):
        return units.sum_coupled(coupled) / count
    return _followed(units, evidence)


def _followed(units: Units, evidence: Evidence) -> Tensor:
    """Return |γ| spread over the weights it follows; without BatchNorm, sizes around 1."""
    seen: list[bool] = []

    def spread(name: str) -> Tensor:
        scale = evidence.statistics["norm_scales"].get(name)
        seen.append(scale is not None)
        return torch.zeros_like(evidence.weights[name]) if scale is None else scale

    found = mean(units, spread)
    if all(seen):
        return found
    size = mean(units, lambda name: evidence.weights[name].square()).sqrt()
    return size / size.mean().clamp_min(torch.finfo(size.dtype).tiny)
