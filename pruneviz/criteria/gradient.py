"""Importance from the gradients of the loss on the calibration data."""

import torch
from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.criteria.reduce import reduce, reduce_layers, reduction
from pruneviz.granularity.units import Units
from pruneviz.registry import Parameter


@CRITERIA.register(
    name="taylor",
    title="Taylor, first order",
    family="gradient",
    sentence="Estimates how much the loss would change without the unit, from its gradient.",
    formula="(Σ g·w over the unit)², averaged over batches",
    source="Molchanov et al. 2019, arXiv 1906.10771",
    needs=("gradients",),
    cost="backward",
)
def taylor(units: Units, evidence: Evidence) -> Tensor:
    """Return the squared first-order change in loss for each unit on one batch."""
    return units.sum(lambda name: evidence.gradients[name] * evidence.weights[name]).square()


@CRITERIA.register(
    name="taylor_weight",
    title="Taylor, weight by weight",
    family="gradient",
    sentence="As Taylor, but each weight's change in loss counts by itself: none cancels another.",
    formula="Σ (g·w)² over the unit, averaged over batches",
    source="Molchanov et al. 2019, arXiv 1906.10771",
    needs=("gradients",),
    parameters=(reduction("sum"),),
    cost="backward",
)
def taylor_weight(units: Units, evidence: Evidence, reduction: str) -> Tensor:
    """Return the squared first-order changes in loss of each unit's weights on one batch."""
    return reduce(units, lambda name: _product(evidence, name).square(), reduction)


@CRITERIA.register(
    name="taylor_group",
    title="Taylor, whole group",
    family="gradient",
    sentence="As Taylor, weight by weight, over everything that is cut with a unit: what makes it "
    "and all that reads it. LLM-Pruner's way to rank the parts of a transformer.",
    formula="Σ |g·w| over all that goes with the unit, averaged over batches",
    source="Ma et al. 2023 (LLM-Pruner), arXiv 2305.11627, equations 3 and 5",
    needs=("gradients",),
    cost="backward",
)
def taylor_group(units: Units, evidence: Evidence) -> Tensor:
    """Return the summed first-order changes in loss of each unit's whole group on one batch."""
    return units.sum_coupled(lambda name: _product(evidence, name).abs())


@CRITERIA.register(
    name="taylor_activation",
    title="Taylor, activations",
    family="gradient",
    sentence="Estimates how much the loss would change if a channel answered 0.",
    formula="mean over samples of |Σ a·∂L/∂a| over the channel, divided by the layer's L2 norm",
    source="Molchanov et al. 2017, arXiv 1611.06440",
    needs=("activation_gradients",),
    parameters=(
        Parameter(
            name="normalise",
            default=True,
            help="Divide by the norm of the layer's scores, so that layers compare.",
        ),
    ),
    cost="backward",
)
def taylor_activation(units: Units, evidence: Evidence, normalise: bool) -> Tensor:
    """Return the mean first-order change in loss without each unit's channels."""
    kind = "activation_gradients"
    found = reduce_layers(units, evidence, lambda name: evidence.statistic(kind, name))
    tiny = torch.finfo(found.dtype).tiny
    return found / found.norm().clamp_min(tiny) if normalise else found


@CRITERIA.register(
    name="gradient_magnitude",
    title="Gradient magnitude",
    family="gradient",
    sentence="Keeps what the loss reacts to, however large the weight is.",
    formula="|g|, averaged over batches",
    source="Blalock et al. 2020, arXiv 2003.03033",
    needs=("gradients",),
    parameters=(reduction("mean"),),
    cost="backward",
)
def gradient_magnitude(units: Units, evidence: Evidence, reduction: str) -> Tensor:
    """Return the size of the gradients of each unit's weights on one batch."""
    return reduce(units, lambda name: evidence.gradients[name].abs(), reduction)


@CRITERIA.register(
    name="snip",
    title="SNIP",
    family="gradient",
    sentence="Keeps the connections that the loss would react to most if they were cut.",
    formula="|g·w|, averaged over batches",
    source="Lee et al. 2019, arXiv 1810.02340",
    needs=("gradients",),
    parameters=(reduction("sum"),),
    cost="backward",
)
def snip(units: Units, evidence: Evidence, reduction: str) -> Tensor:
    """Return the connection sensitivity of each unit's weights on one batch.

    The paper divides by the sum over the whole network, which changes no order.
    """
    return reduce(units, lambda name: _product(evidence, name).abs(), reduction)


def _product(evidence: Evidence, name: str) -> Tensor:
    return evidence.gradients[name] * evidence.weights[name]


@CRITERIA.register(
    name="fisher",
    title="Fisher",
    family="second order",
    sentence="Estimates the loss's curvature by the squared gradients of single samples.",
    formula="½ w² · mean over samples of g²",
    source="Theis et al. 2018, arXiv 1801.05787",
    needs=("squared_gradients",),
    parameters=(reduction("sum"),),
    cost="many passes",
)
def fisher(units: Units, evidence: Evidence, reduction: str) -> Tensor:
    """Return half the Fisher information of each unit's weights times their squares."""

    def values(name: str) -> Tensor:
        weight = evidence.weights[name].double()
        return evidence.statistic("squared_gradients", name) * weight.square() / 2

    return reduce(units, values, reduction)


@CRITERIA.register(
    name="fisher_activation",
    title="Fisher, activations",
    family="second order",
    sentence="Estimates the rise in loss if a channel answered 0, from single samples.",
    formula="½ · mean over samples of (Σ a·∂L/∂a)² over the channel",
    source="Theis et al. 2018, arXiv 1801.05787",
    needs=("activation_gradient_squares",),
    cost="backward",
)
def fisher_activation(units: Units, evidence: Evidence) -> Tensor:
    """Return half the Fisher information of a gate on each unit's channels."""
    kind = "activation_gradient_squares"
    return reduce_layers(units, evidence, lambda name: evidence.statistic(kind, name)) / 2


@CRITERIA.register(
    name="movement",
    title="Movement",
    family="gradient",
    sentence="Keeps the weights that training moves away from zero, and lets those go that it "
    "moves towards it.",
    formula="−Σₜ gₜ·wₜ over steps w ← w − η·g",
    source="Sanh et al. 2020, arXiv 2005.07683",
    needs=("movement",),
    parameters=(
        Parameter(
            name="steps",
            default=5,
            minimum=1,
            maximum=1000,
            unit="steps",
            help="Each on the gradient over all calibration samples.",
        ),
        Parameter(
            name="learning_rate",
            default=0.01,
            minimum=0.0,
            maximum=10.0,
            help="How far a step goes; the network itself stays as it is.",
        ),
        reduction("sum", signed=True),
    ),
    cost="many passes",
)
def movement(
    units: Units, evidence: Evidence, steps: int, learning_rate: float, reduction: str
) -> Tensor:
    """Return how far training moves each unit's weights away from zero."""
    return reduce(units, lambda name: evidence.statistic("movement", name), reduction)
