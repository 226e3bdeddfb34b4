"""What each layer costs: a scan's points, made monotone, beside what removing its units saves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from pruneviz.metrics import Metric
from pruneviz.report import ACCURACY
from pruneviz.wording import RefusedError, offers

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """One layer pruned alone: `loss`, and how much of the metric is `lost`, at `levels` from 0 up.

    `loss` is the mean divergence of the answers from the original's, in nats, where the scan knows
    it: right or wrong on a few hundred inputs cannot tell small losses apart. `saved` is how much
    less of the goal's resource there is. All three rise or stay. `stops` are the numbers of units
    that may be removed, in rising order without 0, of `units`.
    """

    layer: str
    units: int
    stops: tuple[int, ...]
    levels: Numbers
    loss: Numbers
    lost: Numbers
    saved: Numbers

    def loss_at(self, level: float) -> float:
        """Return the loss at a level; between points it is a straight line."""
        return float(np.interp(level, self.levels, self.loss))

    def lost_at(self, level: float) -> float:
        """Return how much worse the metric is at a level."""
        return float(np.interp(level, self.levels, self.lost))

    @property
    def last(self) -> float:
        """Return the scan's last level of this layer."""
        return float(self.levels[-1])

    def hull(self) -> list[tuple[float, float]]:
        """Return the lower convex hull of loss over saving, as (level it ends at, loss per unit).

        What saves nothing has an infinite price. The prices rise.
        """
        points: list[tuple[float, ...]] = [(0.0, 0.0, 0.0)]
        for point in zip(self.levels[1:], self.saved[1:], self.loss[1:], strict=True):
            while len(points) > 1 and _slope(points[-1], point) <= _slope(*points[-2:]):
                points.pop()
            points.append(tuple(map(float, point)))
        return [(after[0], _slope(before, after)) for before, after in pairwise(points)]


def _slope(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    saved, loss = after[1] - before[1], after[2] - before[2]
    return loss / saved if saved > 0 else np.inf


def monotone(values: Iterable[float]) -> Numbers:
    """Return the nearest values, in squares, that are 0 or more and never fall.

    A few inputs make curves that rise and fall by chance; pruning more of a layer is taken to cost
    no less (isotonic regression, Barlow and Brunk 1972).
    """
    found: Numbers = np.asarray(isotonic_regression(np.asarray(list(values), dtype=np.float64)).x)
    return found.clip(min=0.0)


def read_curves(
    points: pd.DataFrame,
    units: Mapping[str, int],
    stops: Mapping[str, tuple[int, ...]],
    saved: Mapping[str, tuple[Numbers, Numbers]],
) -> dict[str, Curve]:
    """Return the curves of the layers that `points`, what `with_losses` gave, knows.

    `units` are the layers' sizes, `stops` the numbers of units that may go, `saved` the levels with
    what is saved there. A layer whose points are not numbers has no curve.
    """
    known = points[points["layer"].isin(list(units))]
    apart = known["kl"].astype(float) if "kl" in known else np.asarray([np.nan])
    by_divergence = bool(len(known)) and bool(np.isfinite(apart).all())
    found = {}
    for name, rows in known.groupby("layer", sort=False):
        ordered = rows.sort_values("sparsity")
        fall = ordered["lost"].to_numpy(dtype=np.float64)
        if not np.isfinite(fall).all():
            continue
        lost = monotone(fall)
        loss = monotone(ordered["kl"]) if by_divergence else lost
        levels = np.concatenate([[0.0], ordered["sparsity"].to_numpy(dtype=np.float64)])
        layer = str(name)
        found[layer] = Curve(
            layer,
            units[layer],
            tuple(stop for stop in stops[layer] if stop <= levels[-1] * units[layer] + 1e-9),
            levels,
            np.concatenate([[0.0], loss]),
            np.concatenate([[0.0], lost]),
            np.maximum.accumulate(np.interp(levels, *saved[layer])),
        )
    return found


def with_losses(points: pd.DataFrame, metric: Metric, original: float) -> pd.DataFrame:
    """Return a scan's table with a column `lost`: how much worse the metric is at each point.

    `original` is the original's number, for points from before there were changes. ValueError where
    the scan did not measure the metric.
    """
    if metric.name not in points:
        raise RefusedError(offers.not_in_the_scan(metric.noun))
    prefix = "" if metric.name == ACCURACY else f"{metric.name}_"
    change = points[f"{prefix}change"].astype(float)
    change = change.fillna(points[metric.name].astype(float) - original)
    return points.assign(lost=-change if metric.better == "higher" else change)
