"""Two models on the same inputs: where their answers differ, and by how much."""

from pruneviz.compare.faults import worsened
from pruneviz.compare.labels import Divergence, Outcomes, disagreements, divergence, outcomes

__all__ = ["Divergence", "Outcomes", "disagreements", "divergence", "outcomes", "worsened"]
