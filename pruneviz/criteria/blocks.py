"""Importance of whole blocks and experts, from what they do with what passes through them."""

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


@CRITERIA.register(
    name="reap",
    title="Routed activation (REAP)",
    family="activation",
    sentence="Experts that add little to the tokens they serve, as the router weighs it, go first.",
    formula="mean over tokens x served by expert j of gⱼ(x) · ‖fⱼ(x)‖₂",
    source="Lasby et al. 2025, arXiv 2510.13999",
    needs=("routed_activation",),
    cost="forward",
    only=("expert",),
)
def reap(units: Units, evidence: Evidence) -> Tensor:
    """Return how much each expert adds to a token that it serves, at least 0, (count,)."""
    return evidence.statistics["routed_activation"][units.name]
