"""Outlier-weighed layers: where a few scores stand out by far, less goes."""

from __future__ import annotations

from torch import Tensor

from pruneviz.allocate.request import OVERALL, SCOPES, WIDTHS, Counts, Request
from pruneviz.allocate.shares import levelled
from pruneviz.registry import Parameter


@SCOPES.register(
    name="owl",
    title="Outlier-weighed (OWL)",
    family=OVERALL,
    sentence="Layers with more scores far above their mean lose less, within a band around the "
    "overall amount; as published the scores are |w|·‖x‖, and any criterion's are weighed so.",
    formula="sₗ = s + mean(d) − dₗ, d ∝ share of scores > M · mean, scaled to span 2λ",
    source="Yin et al. 2023, arXiv 2310.05175",
    parameters=(
        Parameter(
            name="outlier",
            label="Outlier factor M",
            default=5.0,
            minimum=1.0,
            maximum=1000.0,
            help="M: a score above so many times its layer's mean is an outlier.",
        ),
        Parameter(
            name="band",
            label="Band λ",
            default=0.08,
            minimum=0.0,
            maximum=0.5,
            help="λ: the layers' sparsities span twice this.",
        ),
        *WIDTHS,
    ),
)
def owl(request: Request, outlier: float = 5.0, band: float = 0.08) -> Counts:
    """Return each layer's count by its share of outliers; the total is exact."""
    names = request.free()
    spared = scaled({n: _ratio(request, n, outlier) for n in names}, band)
    total = sum(request.counts[name] for name in names) or 1
    mean = sum(spared[name] * request.counts[name] for name in names) / total

    def lost(level: float) -> dict[str, float]:
        sparsity = level * (1 + 4 * band) - 2 * band  # far enough for every layer's whole range
        return {n: request.counts[n] * (sparsity + mean - spared[n]) for n in names}

    return levelled(request, request.budget(), lost)


def outlier_ratio(scores: Tensor, outlier: float) -> float:
    """Return the share of scores above `outlier` times their mean."""
    return int((scores > outlier * scores.mean()).count_nonzero()) / len(scores)


def _ratio(request: Request, name: str, outlier: float) -> float:
    """Return a layer's share of outliers among its finite scores."""
    return request.ranking.fact(name, "outliers", lambda s: outlier_ratio(s, outlier), outlier)


def scaled(ratios: dict[str, float], band: float) -> dict[str, float]:
    """Return ratios stretched so that they span twice the band; 0 where all are alike."""
    low, high = min(ratios.values(), default=0.0), max(ratios.values(), default=0.0)
    span = high - low
    return {name: 2 * band * (r - low) / span if span else 0.0 for name, r in ratios.items()}


__all__ = ["outlier_ratio", "owl", "scaled"]
