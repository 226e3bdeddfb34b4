"""Importance from what flows through the network, without data."""

from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.granularity.units import Units
from pruneviz.registry import Parameter


@CRITERIA.register(
    name="synflow",
    title="SynFlow, iterated",
    family="data-free",
    sentence="Takes away what the least flows through, and re-measures the flow each time, so "
    "that no layer dries up. Meant for the global scope.",
    formula="order of elimination by w ⊙ ∂R/∂w, R = 1ᵀ(Π|W|)1, in rounds",
    source="Tanaka et al. 2020, arXiv 2006.05467",
    needs=("synaptic_flow",),
    parameters=(
        Parameter(
            name="rounds",
            default=100,
            minimum=1,
            maximum=1000,
            unit="rounds",
            help="How often the flow is measured on the way down; the paper takes 100.",
        ),
        Parameter(
            name="final_sparsity",
            default=0.99,
            minimum=0.1,
            maximum=0.9999,
            help="How much is gone after the last round. One way down serves every sparsity up to "
            "it; the paper walks down to the sparsity asked for.",
        ),
    ),
    cost="many passes",
)
def synflow(units: Units, evidence: Evidence, rounds: int, final_sparsity: float) -> Tensor:
    """Return each unit's place in the order of elimination, in (0, 1]."""
    return evidence.statistics["synaptic_flow"][units.name]
