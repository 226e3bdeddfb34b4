"""What every other criterion has to beat."""

import torch
from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.granularity.units import Units


@CRITERIA.register(
    name="random",
    title="Random",
    family="baseline",
    sentence="Draws at random: what a criterion must beat to be worth its name.",
    formula="u ~ Uniform(0, 1)",
    source="the baseline",
    cost="weights",
)
def random(units: Units, evidence: Evidence) -> Tensor:
    """Return one uniform number for each unit, the same for the same seed and layer."""
    return torch.rand(units.count, generator=evidence.generator(units.name))
