"""Importance from the gradients of the loss on the calibration data."""

from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.granularity.units import Units


@CRITERIA.register(
    name="taylor",
    title="Taylor, first order",
    family="gradient",
    sentence="Estimates how much the loss would change without the unit, from its gradient.",
    formula="(Σ g·w over the unit)², averaged over batches",
    source="Molchanov et al. 2019, arXiv 1906.10771",
    needs_gradients=True,
)
def taylor(units: Units, evidence: Evidence) -> Tensor:
    """Return the squared first-order change in loss for each unit on one batch."""
    return units.sum(lambda name: evidence.gradients[name] * evidence.weights[name]).square()
