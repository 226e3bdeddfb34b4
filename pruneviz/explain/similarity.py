"""How alike two attributions of the same input are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, isnan

from scipy.stats import spearmanr
from torch import Tensor

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import explaining

TOP = 0.1  # the strongest tenth
ALIKE = 0.8, 1.25  # ratios of strength in between are not worth a word


@dataclass(frozen=True)
class Similarity:
    """Spearman's rank correlation (NaN for a flat map), and the share of the strongest shared.

    The strongest are `strongest` of all `places`. `strength` is the second's sum of magnitudes in
    units of the first's (NaN when that is 0).
    """

    rank_correlation: float
    top_overlap: float
    places: int
    strength: float

    @property
    def strongest(self) -> int:
        """Return how many places are the strongest tenth, one at least."""
        return max(1, ceil(TOP * self.places))

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
        """Return how much smaller or larger the second's values are; empty when hardly."""
        if ALIKE[0] <= self.strength <= ALIKE[1]:
            return ""
        size = "smaller" if self.strength < 1 else "larger"
        return f"; the pruned network's values are {size}, in sum {self._sum}"

    @property
    def numbers(self) -> str:
        """Return all three numbers in words; empty for a flat map."""
        if isnan(self.rank_correlation):
            return ""
        shared = round(self.top_overlap * self.strongest)
        top = f"of the {self.strongest:,} strongest in each map, {shared:,} are in both"
        if self.strongest == 1:
            top = f"the strongest is {'the same' if shared else 'another'} in each"
        return (
            f"rank correlation {self.rank_correlation:.2f} over all {self.places:,} places; "
            f"{top}; the pruned network's values are in sum {self._sum}"
        ).replace("-", "−")

    @property
    def _sum(self) -> str:
        """Return the second's sum beside the first's: `40 % of the original's`."""
        if self.strength >= 2:
            return f"{self.strength:.1f} times the original's"
        part = f"{100 * self.strength:.0f} %" if self.strength >= 0.005 else "less than 1 %"
        return f"{part} of the original's"


def similarity(first: Tensor, second: Tensor) -> Similarity:
    """Compare the original's attribution with the pruned network's, `Attribution.places`."""
    if first.shape != second.shape:
        raise RefusedError(explaining.two_shapes(tuple(first.shape), tuple(second.shape)))
    a, b = first.flatten().double(), second.flatten().double()
    flat = bool((a == a[0]).all()) or bool((b == b[0]).all())
    rank = float("nan") if flat else float(spearmanr(a.numpy(), b.numpy()).statistic)
    total = float(a.abs().sum())
    strength = float(b.abs().sum()) / total if total else float("nan")
    found = Similarity(rank, 0.0, len(a), strength)
    k = found.strongest
    strongest = [set(v.abs().argsort(descending=True, stable=True)[:k].tolist()) for v in (a, b)]
    return replace(found, top_overlap=len(strongest[0] & strongest[1]) / k)
