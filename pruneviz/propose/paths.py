"""Ways to prune further and further: steps of single layers, in an order that a family decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pruneviz.propose.curves import Curve

Counts = dict[str, int]  # a layer's name → how many of its units go
EQUAL, MARGINAL, UNIFORM = "equal", "marginal", "uniform"
TITLES = {
    EQUAL: "every layer bears the same loss",
    MARGINAL: "least loss for what is saved",
    UNIFORM: "every layer loses the same part",
}


@dataclass(frozen=True)
class Path:
    """Steps in order: after each, so many units of one layer are gone; others stay as they were."""

    family: str
    steps: tuple[tuple[str, int], ...]

    def __len__(self) -> int:
        return len(self.steps)

    def counts(self, taken: int) -> Counts:
        """Return how many units of each layer are gone after so many steps."""
        return dict(self.steps[:taken])


def paths(curves: Mapping[str, Curve]) -> tuple[Path, ...]:
    """Return the ways that compete; each goes as far as the scan's last levels.

    `equal`: layers at one allowed loss each (the bisection of Li et al. 2016, arXiv 1608.08710, for
    every loss at once). `marginal`: the smallest predicted loss for what is saved, by the prices of
    the layers' lower convex hulls (Lagrange multipliers, Shoham and Gersho 1988,
    https://doi.org/10.1109/29.90373). `uniform` is the control: the same part of every layer.
    """
    return (
        _ordered(MARGINAL, curves, _price),
        _ordered(EQUAL, curves, lambda curve: curve.loss_at),
        _ordered(UNIFORM, curves, lambda curve: lambda level: level),
    )


def _price(curve: Curve) -> Callable[[float], float]:
    """Return what a unit of saving costs at a level of a layer."""
    segments = curve.hull()
    ends, prices = [end for end, _ in segments], [price for _, price in segments]

    def price(level: float) -> float:
        place = int(np.searchsorted(ends, level - 1e-9))
        return prices[min(place, len(prices) - 1)]

    return price


def _ordered(
    family: str, curves: Mapping[str, Curve], key_of: Callable[[Curve], Callable[[float], float]]
) -> Path:
    """Return the steps of all layers by a key that never falls within a layer, then by level."""
    found = []
    for place, curve in enumerate(curves.values()):
        key = key_of(curve)
        for stop in curve.stops:
            level = stop / curve.units
            found.append((key(level), level, place, curve.layer, stop))
    found.sort()
    return Path(family, tuple((layer, stop) for *_, layer, stop in found))
