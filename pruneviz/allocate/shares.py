"""Fractions in, whole units out: an exact total, and nobody loses more than it can."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from pruneviz.allocate.request import Counts, Request

STEPS = 60  # halvings: an interval of one ends below the rounding of its floats


def levelled(request: Request, budget: int, lost: Callable[[float], Mapping[str, float]]) -> Counts:
    """Return how many units each layer loses, `budget` in all, by the level at which that is so.

    `lost(level)` says how many units each layer would lose, more at a higher level in [0, 1]; each
    is held between none and what the layer can lose. At 0 nobody loses any, at 1 all lose all.
    """

    def held(level: float) -> dict[str, float]:
        wanted = lost(level)
        return {name: min(max(v, 0.0), request.removable(name)) for name, v in wanted.items()}

    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if sum(held(middle).values()) < budget:
            low = middle
        else:
            high = middle
    return _exactly(request, held(high), budget)


def _exactly(request: Request, wanted: Mapping[str, float], budget: int) -> Counts:
    """Return whole numbers near what is wanted that add up to `budget`, within what can be lost."""
    counts = {name: math.floor(value) for name, value in wanted.items()}
    while sum(counts.values()) < budget:
        open_layers = [n for n in counts if counts[n] < request.removable(n)]
        by_size = sorted(open_layers, key=lambda name: counts[name] - wanted[name])
        for name in by_size[: budget - sum(counts.values())]:
            counts[name] += 1
    for name in sorted(counts, key=lambda name: wanted[name] - counts[name]):
        if sum(counts.values()) > budget and counts[name]:
            counts[name] -= 1  # a rounding error made a whole number of one too many
    return counts


__all__ = ["levelled"]
