"""How alike two attributions of the same input are."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isnan

from scipy.stats import spearmanr
from torch import Tensor

TOP = 0.1  # the strongest tenth
ALIKE = 0.8, 1.25  # ratios of strength in between are not worth a word


@dataclass(frozen=True)
class Similarity:
    """Spearman's rank correlation (NaN for a flat map), and the share of the strongest shared.

    `strength` is the second's sum of magnitudes in units of the first's (NaN when that is 0).
    """

    rank_correlation: float
    top_overlap: float
    places: int
    strength: float

    @property
    def finding(self) -> str:
        """Return how alike the two maps are; which network is right they do not say."""
        if isnan(self.rank_correlation):
            return "One of the two maps is flat: there is nothing to compare"
        rank = self.rank_correlation
        words = (
            "are nearly the same" if rank >= 0.9 and self.top_overlap >= 0.6
            else "are similar" if rank >= 0.6
            else "are partly different" if rank >= 0.3
            else "are different" if rank > -0.3
            else "are opposite in many places"
        )  # fmt: skip
        return f"The two maps {words}{self._stronger}"

    @property
    def _stronger(self) -> str:
        """Return how much weaker or stronger the second is; empty when hardly."""
        if ALIKE[0] <= self.strength <= ALIKE[1]:
            return ""
        return f", the pruned one's at {self.strength:.2g} times the strength"

    @property
    def numbers(self) -> str:
        """Return both numbers in words; empty for a flat map."""
        if isnan(self.rank_correlation):
            return ""
        top = f"{100 * self.top_overlap:.0f} % of the strongest tenth in common"
        size = f"the pruned network's values are {self.strength:.2f} times as large in sum"
        return f"rank correlation {self.rank_correlation:.2f}, {top}; {size}".replace("-", "−")


def similarity(first: Tensor, second: Tensor) -> Similarity:
    """Compare the original's attribution with the pruned network's, `Attribution.places`."""
    if first.shape != second.shape:
        raise ValueError(
            f"only attributions of one shape can be compared, got {tuple(first.shape)} "
            f"and {tuple(second.shape)}"
        )
    a, b = first.flatten().double(), second.flatten().double()
    flat = bool((a == a[0]).all()) or bool((b == b[0]).all())
    rank = float("nan") if flat else float(spearmanr(a.numpy(), b.numpy()).statistic)
    k = max(1, ceil(TOP * len(a)))
    strongest = [set(v.abs().argsort(descending=True, stable=True)[:k].tolist()) for v in (a, b)]
    total = float(a.abs().sum())
    strength = float(b.abs().sum()) / total if total else float("nan")
    return Similarity(rank, len(strongest[0] & strongest[1]) / k, len(a), strength)
