"""The overall amount: layer by layer, in equal shares, or by one ranking of all."""

from __future__ import annotations

import math
from fractions import Fraction

from pruneviz.allocate.request import ACROSS, GLOBAL, OVERALL, SCOPES, WIDTHS, Counts, Request
from pruneviz.wording import amounts


@SCOPES.register(
    name="layer",
    title="Layer by layer",
    family=OVERALL,
    sentence="Each layer loses its own fraction; a layer without one loses the overall fraction.",
    formula="kₗ = round(sₗ · nₗ)",
    source="Li et al. 2016, arXiv 1608.08710",
    parameters=WIDTHS,
)
def by_layer(request: Request) -> Counts:
    """Return each layer's count at the overall sparsity; layers locked whole lose none."""
    counts = {}
    for name in request.free():
        whole = len(request.locked[name]) == request.counts[name]
        counts[name] = 0 if whole else request.layer_count(name, request.sparsity)
        if whole and request.sparsity > 0:
            request.notes.append(amounts.locked(name))
    return counts


@SCOPES.register(
    name="uniform",
    title="Uniform",
    family=OVERALL,
    sentence="All layers lose the same fraction, so that the whole loses exactly what was asked.",
    formula="kₗ ∝ nₗ, Σ kₗ = round(s · Σ nₗ), largest remainder",
    source="Zhu and Gupta 2017, arXiv 1710.01878",
    parameters=WIDTHS,
)
def uniform(request: Request) -> Counts:
    """Return counts in proportion to layer sizes, made up elsewhere where a layer cannot give."""
    return equal_shares(request, request.budget())


def equal_shares(request: Request, budget: int) -> Counts:
    """Return counts in proportion to layer sizes, `budget` in all, none above what can go."""
    open_layers = dict.fromkeys(request.free(), 0)
    share = _common_share(request, budget)
    exact = {n: min(share * request.counts[n], Fraction(request.removable(n))) for n in open_layers}
    counts = {name: math.floor(value) for name, value in exact.items()}
    by_remainder = sorted(counts, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: budget - sum(counts.values())]:
        counts[name] += 1
    return counts


def _common_share(request: Request, budget: int) -> Fraction:
    """Return the fraction p with Σ min(p·nₗ, removableₗ) = budget."""
    layers = sorted(
        request.free(), key=lambda name: Fraction(request.removable(name), request.counts[name])
    )
    left, units = budget, sum(request.counts[name] for name in layers)
    for name in layers:
        if Fraction(left, units) * request.counts[name] <= request.removable(name):
            break
        left -= request.removable(name)
        units -= request.counts[name]
    return Fraction(left, units) if units else Fraction(0)


@SCOPES.register(
    name=GLOBAL,
    title="Global",
    family=OVERALL,
    sentence="All layers compete in one ranking: the lowest scores go, wherever they are.",
    formula="remove the k lowest scores of all layers, k = round(s · Σ nₗ)",
    source="Frankle and Carbin 2019, arXiv 1803.03635",
    parameters=WIDTHS,
)
def across_layers(request: Request) -> Counts:
    """Return the budget; which layer pays is left to the ranking across layers."""
    return {ACROSS: request.budget()}


__all__ = ["across_layers", "by_layer", "equal_shares", "uniform"]
