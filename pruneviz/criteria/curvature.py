"""Importance from the loss's second derivatives."""

from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.criteria.reduce import reduce, reduction
from pruneviz.granularity.units import Units
from pruneviz.registry import Parameter


@CRITERIA.register(
    name="grasp",
    title="GraSP",
    family="second order",
    sentence="Keeps the weights without which the gradient would be smaller, and learning slower.",
    formula="w ⊙ (H·g); the paper's S = −w ⊙ (H·g) is removed from the largest down",
    source="Wang et al. 2020, arXiv 2002.07376",
    needs=("hessian_gradient",),
    parameters=(
        Parameter(
            name="temperature",
            default=1.0,
            minimum=0.01,
            maximum=10_000.0,
            help="The logits are divided by it. GraSP's authors took 200 for untrained networks.",
        ),
        reduction("sum", signed=True),
    ),
    cost="backward",
)
def grasp(units: Units, evidence: Evidence, temperature: float, reduction: str) -> Tensor:
    """Return how much each unit's weights keep the gradient's norm up."""

    def values(name: str) -> Tensor:
        return evidence.weights[name] * evidence.statistic("hessian_gradient", name)

    return reduce(units, values, reduction)


@CRITERIA.register(
    name="obd",
    title="Optimal brain damage",
    family="second order",
    sentence="Estimates the rise in loss from the loss's curvature along each weight.",
    formula="½ H_qq · w_q², H_qq by Hutchinson's estimate",
    source="LeCun et al. 1989; Hutchinson 1989",
    needs=("hessian_diagonal",),
    parameters=(
        Parameter(
            name="probes",
            default=8,
            minimum=1,
            maximum=1000,
            help="Random sign vectors for the estimate: more take longer and err less.",
        ),
        reduction("sum", signed=True),
    ),
    cost="many passes",
)
def obd(units: Units, evidence: Evidence, probes: int, reduction: str) -> Tensor:
    """Return the second-order change in loss of each unit's weights; below 0 where H_qq is."""

    def values(name: str) -> Tensor:
        curvature = evidence.statistic("hessian_diagonal", name)
        return evidence.weights[name].double().square() * curvature / 2

    return reduce(units, values, reduction)
