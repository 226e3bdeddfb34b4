"""Importance of whole blocks, from what they change of what passes through them."""

from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.granularity.units import Units


@CRITERIA.register(
    name="block_influence",
    title="Block influence (ShortGPT)",
    family="redundancy",
    sentence="Blocks that hardly turn what passes through them go first.",
    formula="1 − mean over places of cos(xᵢ, xᵢ₊₁)",
    source="Men et al. 2024, arXiv 2403.03853",
    needs=("block_influence",),
    cost="forward",
    only=("depth",),
)
def block_influence(units: Units, evidence: Evidence) -> Tensor:
    """Return how far each block turns its input, 0 (not at all) to 2, (count,)."""
    return evidence.statistics["block_influence"][units.name]
