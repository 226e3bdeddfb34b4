"""From a sensitivity scan: each layer loses what it bore alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from pruneviz.metrics import METRICS, Metric
from pruneviz.report import ACCURACY
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

BY_ACCURACY = METRICS.get(ACCURACY)
Curve = Sequence[tuple[float, float]]  # (sparsity, how good) of one layer pruned alone


def curves(
    points: Iterable[tuple[str, float, float]],
    baseline: float,
    metric: Metric = BY_ACCURACY,
) -> dict[str, Curve]:
    """Return each layer's curve from (layer, sparsity, value of the metric), beginning unpruned.

    `baseline` is that of the unpruned network, in the metric's unit. On a curve more is better: it
    holds an error below 0.
    """
    found: dict[str, dict[float, float]] = {}
    for layer, sparsity, value in points:
        found.setdefault(layer, {0.0: metric.gain(baseline)})[sparsity] = metric.gain(value)
    return {layer: sorted(curve.items()) for layer, curve in found.items()}


def tolerated(curve: Curve, loss: float) -> float:
    """Return the largest sparsity up to which a layer alone never loses more than `loss`.

    `curve` ascends from sparsity 0; between its points it is a straight line. `loss` is a
    difference of the metric, 0.01 for one point of accuracy. ValueError where the curve does not
    begin at 0.
    """
    if not curve or curve[0][0] != 0.0:
        raise RefusedError(choosing.no_beginning())
    floor = curve[0][1] - loss
    reached = 0.0
    for (before, high), (sparsity, low) in itertools.pairwise(curve):
        if low < floor:
            return max(before + (sparsity - before) * (high - floor) / (high - low), 0.0)
        reached = sparsity
    return reached


def ratios(found: Mapping[str, Curve], loss: float) -> dict[str, float]:
    """Return each layer's sparsity at which it alone loses `loss`: fit for a Plan's `layers`."""
    if loss < 0:
        raise RefusedError(choosing.negative_loss(loss))
    return {layer: tolerated(curve, loss) for layer, curve in found.items()}


def ratios_for(
    found: Mapping[str, Curve], units: Mapping[str, int], sparsity: float
) -> dict[str, float]:
    """Return each layer's sparsity at the one allowed loss that removes `sparsity` of all `units`.

    Found by bisection, so it is exact to about one unit. ValueError where the curves end before.
    """
    total = sum(units[layer] for layer in found)

    def removed(loss: float) -> float:
        return sum(ratios(found, loss)[layer] * units[layer] for layer in found)

    lost = (curve[0][1] - value for curve in found.values() for _, value in curve)
    low, high = 0.0, max(1.0, *lost)
    if removed(high) < sparsity * total:
        reached = removed(high) / total
        raise RefusedError(choosing.beyond_scanned_levels(reached, sparsity))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if removed(middle) < sparsity * total else (low, middle)
    return ratios(found, high)


__all__ = ["Curve", "curves", "ratios", "ratios_for", "tolerated"]
