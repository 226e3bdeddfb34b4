"""Importance from the size of the weights alone; no data needed."""

import torch
from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.criteria.reduce import reduce, reduction
from pruneviz.granularity.units import Units
from pruneviz.registry import Parameter


@CRITERIA.register(
    name="magnitude_l1",
    title="Magnitude, L1",
    family="magnitude",
    sentence="Small weights matter least: keeps the units whose weights are large on average.",
    formula="mean of |w| over the unit",
    source="Han et al. 2015, arXiv 1506.02626; Li et al. 2016, arXiv 1608.08710",
    parameters=(reduction("mean", quiet=True),),
    cost="weights",
)
def magnitude_l1(units: Units, evidence: Evidence, reduction: str = "mean") -> Tensor:
    """Return the mean absolute weight of each unit; in one layer it ranks as the L1 norm does."""
    return reduce(units, lambda name: evidence.weights[name].abs(), reduction)


@CRITERIA.register(
    name="magnitude_l2",
    title="Magnitude, L2",
    family="magnitude",
    sentence="As L1, but a few large weights count for more than many small ones.",
    formula="√(mean of w² over the unit)",
    source="Han et al. 2015, arXiv 1506.02626; Li et al. 2016, arXiv 1608.08710",
    parameters=(
        Parameter(
            name="reduction",
            default="mean",
            choices=("mean", "sum"),
            help="Under the root: the mean does not grow with a unit's size, the sum is the norm.",
            quiet=True,
        ),
    ),
    cost="weights",
)
def magnitude_l2(units: Units, evidence: Evidence, reduction: str = "mean") -> Tensor:
    """Return the root mean square weight of each unit; in one layer it ranks as the L2 norm."""
    return reduce(units, lambda name: evidence.weights[name].square(), reduction).sqrt()


@CRITERIA.register(
    name="magnitude_linf",
    title="Magnitude, L∞",
    family="magnitude",
    sentence="A unit matters as much as its largest weight.",
    formula="max of |w| over the unit",
    source="Han et al. 2015, arXiv 1506.02626",
    cost="weights",
)
def magnitude_linf(units: Units, evidence: Evidence) -> Tensor:
    """Return the largest absolute weight of each unit."""
    return reduce(units, lambda name: evidence.weights[name].abs(), "max")


@CRITERIA.register(
    name="lamp",
    title="LAMP",
    family="magnitude",
    sentence="Magnitude beside what is left of the layer: under the global scope it decides how "
    "much each layer loses.",
    formula="u² / Σ v² over the layer's units that are not smaller, u² = Σ w² over the unit",
    source="Lee et al. 2020, arXiv 2010.07611",
    cost="weights",
)
def lamp(units: Units, evidence: Evidence) -> Tensor:
    """Return each unit's share in the energy of the units of its layer that outlast it, float64.

    Equal units outlast one another in order of position, as they are removed.
    """
    energy = units.sum(lambda name: evidence.weights[name].double().square())
    ordered, order = torch.sort(energy, stable=True)
    outlast = ordered.flip(0).cumsum(0).flip(0)
    share = ordered / outlast.clamp_min(torch.finfo(torch.double).tiny)
    return torch.empty_like(energy).index_copy(0, order, share)


@CRITERIA.register(
    name="magnitude_group",
    title="Magnitude, whole group",
    family="magnitude",
    sentence="As L2, over everything that is cut with a unit: its filter, its BatchNorm, and the "
    "next layers' weights that read it. Layers compare by how a unit stands to its layer's mean.",
    formula="Σ w² over all that goes with the unit but biases, divided by the layer's mean",
    source="Fang et al. 2023, arXiv 2301.12900",
    cost="weights",
)
def magnitude_group(units: Units, evidence: Evidence) -> Tensor:
    """Return each unit's summed squares over its whole group, relative to the layer's mean."""

    def squares(name: str) -> Tensor:
        squared = evidence.weights[name].square()
        return torch.zeros_like(squared) if name.rpartition(".")[2] == "bias" else squared

    total = units.sum_coupled(squares)
    return total / total.mean().clamp_min(torch.finfo(total.dtype).tiny)
