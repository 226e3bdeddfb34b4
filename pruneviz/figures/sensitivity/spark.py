"""A layer's sensitivity as a small curve that lies behind its slider."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence

import pandas as pd

from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import Metric
from pruneviz.report import ACCURACY
from pruneviz.sensitivity.metrics import METRICS, PointMetric

HEIGHT = 20  # as wide as high would be 100: the unit along is one percent removed
LEAST_SCALE = 0.1  # a loss of ten points reaches the top at least, so that noise stays low
LINE, AREA, BAND = "#7b8794", "rgba(123,135,148,0.14)", "rgba(123,135,148,0.42)"
QUOTED = 0.5


def scale(table: pd.DataFrame, each: PointMetric = METRICS[ACCURACY], whole: float = 1.0) -> float:
    """Return how much worse than the original reaches the top in every layer's curve.

    `whole` is what counts as much as all of a fraction.
    """
    losses, least = -_gains(table[each.change], each.metric).dropna(), LEAST_SCALE * whole
    return max(least, float(losses.max())) if len(losses) else least


def spark(rows: pd.DataFrame, top: float, each: PointMetric = METRICS[ACCURACY]) -> str:
    """Return one layer's points as SVG text: what it loses alone, upwards, from 0 to 100 % removed.

    `rows` has the columns sparsity and those of the metric's change with its interval; `top` is the
    loss at the upper edge. The 95 % interval is a paler band. Without points it is "".
    """
    known = rows.dropna(subset=_changes(each)).sort_values("sparsity")
    if known.empty:
        return ""
    x = [0.0, *(100 * known["sparsity"])]
    loss, *ends = (
        _heights([0.0, *(-_gains(known[column], each.metric))], top) for column in _changes(each)
    )
    most, least = ends if each.metric.better == "higher" else ends[::-1]
    curve = _path(x, loss)
    area = f"{curve}L{x[-1]:.4g} {HEIGHT}L0 {HEIGHT}Z"
    band = _path(x, most) + _path(x[::-1], least[::-1]).replace("M", "L", 1) + "Z"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 {HEIGHT}" '
        'preserveAspectRatio="none">'
        f'<path d="{band}" fill="{BAND}"/><path d="{area}" fill="{AREA}"/>'
        f'<path d="{curve}" fill="none" stroke="{LINE}" stroke-width="1.5" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )


def data_uri(svg: str) -> str:
    """Return an SVG as an address that a style sheet can hold: letters and digits alone."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def sentence(rows: pd.DataFrame, each: PointMetric = METRICS[ACCURACY]) -> str:
    """Return the curve in words: `At 50 % alone: −1.3 points (−2.9 to +0.2).`; "" without points.

    It is the point measured nearest to one half, with the 95 % interval of the paired change.
    """
    known, metric = rows.dropna(subset=_changes(each)), each.metric
    if known.empty:
        return ""
    place = (known["sparsity"] - QUOTED).abs().argmin()
    level, change, *ends = (
        float(known[name].iloc[place]) for name in ("sparsity", *_changes(each))
    )
    found = f"{fmt.metric_change(metric, change)}{_of(metric)}"
    spread = " to ".join(
        fmt.metric_change(metric, end).removesuffix(metric.symbol_of_changes) for end in ends
    )
    known_ends = f" ({spread})" if all(map(math.isfinite, ends)) else ""
    return f"At {fmt.share(level)} alone: {found}{known_ends}."


def top_in_words(top: float, metric: Metric) -> str:
    """Return the loss at the upper edge: `12 points lost`, `17.38 of mean absolute error added`."""
    what = f"{100 * top:.0f} points" if metric.scale > 1 else metric.written(top)
    return f"{what}{_of(metric)} {'lost' if metric.better == 'higher' else 'added'}"


def _of(metric: Metric) -> str:
    """Return what a change is of, of accuracy nothing: of that points are spoken as they are."""
    return "" if metric.name == ACCURACY else f" of {metric.noun}"


def _changes(each: PointMetric) -> list[str]:
    return [each.change, each.change_low, each.change_high]


def _gains(changes: pd.Series, metric: Metric) -> pd.Series:
    """Return changes as how much better a network answers."""
    return changes if metric.better == "higher" else -changes


def _heights(losses: Sequence[float], top: float) -> list[float]:
    """Return where losses lie from the upper edge; gains lie on the lower one."""
    return [HEIGHT * (1 - min(max(loss / top, 0.0), 1.0)) for loss in losses]


def _path(x: Sequence[float], y: Sequence[float]) -> str:
    pairs = [f"{a:.4g} {b:.4g}" for a, b in zip(x, y, strict=True) if math.isfinite(b)]
    return "M" + "L".join(pairs)
