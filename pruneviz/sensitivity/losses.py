"""How much of a metric is lost, in words."""

from __future__ import annotations

from math import isfinite

from pruneviz.measure.quality import ACCURACY
from pruneviz.metrics import Metric


def in_points(loss: float) -> str:
    """Return a loss of accuracy, a fraction, in points: `2 points`, `0.5 points`."""
    return f"{100 * loss:g} point" + ("" if round(100 * loss, 6) == 1 else "s")


def in_words(loss: float, metric: Metric = ACCURACY) -> str:
    """Return how much is lost in words: `2 points`, `1.5 of mean absolute error`."""
    if metric.scale == 1:
        return f"{loss:g}{metric.symbol_of_changes} of {metric.noun}"
    return in_points(loss) + ("" if metric.name == ACCURACY.name else f" of {metric.noun}")


def verb(metric: Metric) -> str:
    """Return what layers do that makes a network worse: they lose some, or add some."""
    return "lose" if metric.better == "higher" else "add"


def usual_loss(original: float) -> float:
    """Return how much is too much of a metric without bounds: a twentieth of the original's.

    As a person would say it, in one digit; 0.02 where that is none.
    """
    twentieth = abs(original) / 20
    return float(f"{twentieth:.0e}") if isfinite(twentieth) and twentieth > 0 else 0.02
