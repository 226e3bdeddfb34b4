"""Erdős–Rényi kernel: wide layers lose more, so that all keep about as many inputs an output."""

from __future__ import annotations

import math

from pruneviz.allocate.request import OVERALL, SCOPES, WIDTHS, Counts, Request
from pruneviz.allocate.shares import levelled
from pruneviz.granularity.units import Units, shape_of


@SCOPES.register(
    name="erk",
    title="ERK (Erdős–Rényi kernel)",
    family=OVERALL,
    sentence="A layer's density follows the sum of its dimensions over their product, so wide "
    "layers lose more and narrow ones less; the whole loses exactly what was asked.",
    formula="1 − sₗ = min(1, ε · (out + in + kernel sides) / (out · in · kernel)), Σ kₗ = k",
    source="Evci et al. 2019 (RigL), arXiv 1911.11134",
    parameters=WIDTHS,
)
def erk(request: Request) -> Counts:
    """Return each layer's count by its shape; ε is what makes the total exact."""
    factors = {u.name: factor(u) for u in request.units if u.name not in request.own}
    largest = max((1 / f for f in factors.values()), default=1.0)

    def lost(level: float) -> dict[str, float]:
        epsilon = (1 - level) * largest  # at level 0 even the widest layer is dense
        return {n: request.counts[n] * (1 - epsilon * f) for n, f in factors.items()}

    return levelled(request, request.budget(), lost)


def factor(units: Units) -> float:
    """Return the sum of the dimensions of a layer's weights over their product."""
    shape = shape_of(units) or (units.count,)
    return sum(shape) / math.prod(shape)


__all__ = ["erk", "factor"]
