"""Importance from the size of the weights alone; no data needed."""

import torch
from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.granularity.units import Units, mean


@CRITERIA.register(
    name="magnitude_l1",
    title="Magnitude, L1",
    family="magnitude",
    sentence="Small weights matter least: keeps the units whose weights are large on average.",
    formula="mean of |w| over the unit",
    source="Han et al. 2015, arXiv 1506.02626; Li et al. 2016, arXiv 1608.08710",
)
def magnitude_l1(units: Units, evidence: Evidence) -> Tensor:
    """Return the mean absolute weight of each unit; in one layer it ranks as the L1 norm does."""
    return mean(units, lambda name: evidence.weights[name].abs())


@CRITERIA.register(
    name="magnitude_l2",
    title="Magnitude, L2",
    family="magnitude",
    sentence="As L1, but a few large weights count for more than many small ones.",
    formula="√(mean of w² over the unit)",
    source="Han et al. 2015, arXiv 1506.02626; Li et al. 2016, arXiv 1608.08710",
)
def magnitude_l2(units: Units, evidence: Evidence) -> Tensor:
    """Return the root mean square weight of each unit; in one layer it ranks as the L2 norm."""
    return mean(units, lambda name: evidence.weights[name].square()).sqrt()


@CRITERIA.register(
    name="magnitude_group",
    title="Magnitude, whole group",
    family="magnitude",
    sentence="As L2, over everything that is cut with a unit: its filter, its BatchNorm, and the "
    "next layers' weights that read it. Layers compare by how a unit stands to its layer's mean.",
    formula="Σ w² over all that goes with the unit but biases, divided by the layer's mean",
    source="Fang et al. 2023, arXiv 2301.12900",
)
def magnitude_group(units: Units, evidence: Evidence) -> Tensor:
    """Return each unit's summed squares over its whole group, relative to the layer's mean."""

    def squares(name: str) -> Tensor:
        squared = evidence.weights[name].square()
        return torch.zeros_like(squared) if name.rpartition(".")[2] == "bias" else squared

    total = units.sum_coupled(squares)
    return total / total.mean().clamp_min(torch.finfo(total.dtype).tiny)
