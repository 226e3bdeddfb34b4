"""Methods side by side: the metric of the whole network against the amount removed."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import pandas as pd
import plotly.graph_objects as go

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.style import DASHES, ORIGINAL, PRUNED, SERIES, SYMBOLS, lay_out
from pruneviz.metrics import UNITS, Metric
from pruneviz.propose import losses
from pruneviz.propose.goal import usual_loss
from pruneviz.report import ACCURACY

COLOURS = (PRUNED, *SERIES)
MUCH = 5  # times what may usually be lost
FAR = 20  # times the original's number, from which on the axis is logarithmic
_BETTER = {"higher": "", "lower": "lower is better"}


def best_at(
    tables: Mapping[str, pd.DataFrame], level: float, metric: Metric
) -> tuple[str, float] | None:
    """Return the method that is best at a level, None where none is measured there."""
    found = {
        name: float(rows[metric.name].iloc[0])
        for name, table in tables.items()
        if len(rows := table[(table["sparsity"] - level).abs() < 1e-9].dropna(subset=metric.name))
    }
    best = max(found, key=lambda name: metric.gain(found[name]), default=None)
    return None if best is None else (best, found[best])


def what_to_see(
    tables: Mapping[str, pd.DataFrame], metric: Metric, original: float, wanted: int = 0
) -> str:
    """Return the title: what keeps most at the last level that costs someone less than 5 points.

    Of a metric that has no end, less than a quarter of the original's number. `wanted` methods are
    compared; while fewer are measured, it says of how many it speaks.
    """
    levels = sorted({level for table in tables.values() for level in table["sparsity"]})
    if not levels:
        return "Nothing is measured yet"
    far = f" (so far, {len(tables)} of {wanted} methods)" if len(tables) < wanted else ""
    allowed = MUCH * usual_loss(metric, original).value / metric.scale
    verb, much = losses.does(metric), losses.amount(metric, allowed)
    for level in reversed(levels):
        best = best_at(tables, level, metric)
        if best is not None and metric.gain(best[1] - original) >= -allowed:
            lead = f"{_leads(best[0], metric, far)} {fmt.metric_value(metric, best[1])}"
            with_less = f"{lead} with {fmt.share(level)} removed, the last amount at which any"
            return f"{with_less} {verb} less than {much}"
    return f"Every method{far} {verb} more than {much} at {fmt.share(levels[0])} already"


def _leads(title: str, metric: Metric, far: str) -> str:
    if metric.name == ACCURACY:
        return f"{title} keeps most{far}:"
    return f"{title} does best{far}: {metric.noun}"


def curves(
    tables: Mapping[str, pd.DataFrame], metric: Metric, original: float, wanted: int = 0
) -> go.Figure:
    """Return one curve a method, with 95 % intervals as bars; the original is a line across.

    `tables` hold by title the columns sparsity, one called as the metric, low, high, samples.
    """
    figure, scale = go.Figure(), metric.scale
    for index, (title, table) in enumerate(tables.items()):
        rows = table.dropna(subset=metric.name)
        figure.add_scatter(
            x=[0.0, *(100 * rows["sparsity"])],
            y=[scale * original, *(scale * rows[metric.name])],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [0.0, *_lengths(scale * (rows["high"] - rows[metric.name]))],
                "arrayminus": [0.0, *_lengths(scale * (rows[metric.name] - rows["low"]))],
                "thickness": 1,
                "width": 3,
            },
            name=title,
            showlegend=True,
            mode="lines+markers",
            line={"color": COLOURS[index % len(COLOURS)], "dash": DASHES[index % len(DASHES)],
                  "width": 2},
            marker={"symbol": SYMBOLS[index % len(SYMBOLS)], "size": 8},
            hovertemplate=f"{title}: {_hover(metric)} at %{{x:.0f}} %<extra></extra>",
        )  # fmt: skip
    figure.add_hline(y=scale * original, line={"color": ORIGINAL, "dash": "dot", "width": 1.5})
    lay_out(
        figure,
        title=what_to_see(tables, metric, original, wanted),
        x="Units removed from the whole network (%)",
        y=_axis(metric),
        height=460,
    )
    figure.update_xaxes(range=[0, 92], dtick=10)
    if isfinite(metric.most - metric.least):
        least, most = scale * metric.least, scale * metric.most
        figure.update_yaxes(range=[least, most + (most - least) / 25])
    elif _is_far(tables, metric, original):
        figure.update_yaxes(type="log")
    return figure


def _is_far(tables: Mapping[str, pd.DataFrame], metric: Metric, original: float) -> bool:
    """Return whether some network is so much worse that the others could not be told apart."""
    largest = max((float(table[metric.name].max()) for table in tables.values()), default=0.0)
    return metric.least >= 0 and largest > FAR * original > 0


def _lengths(bars: pd.Series) -> list[float]:
    """Return how long bars are; 0 where an interval has no end to draw."""
    return [float(length) if isfinite(length) else 0.0 for length in bars]


def _hover(metric: Metric) -> str:
    return f"%{{y:.1f}}{UNITS[metric.unit].symbol}" if metric.unit == "fraction" else "%{y:.4g}"


def _axis(metric: Metric) -> str:
    """Return what the axis is of, with its unit, and which way is better where that is down."""
    unit = UNITS[metric.unit].symbol.strip()
    words = ", ".join(part for part in (unit, _BETTER[metric.better]) if part)
    return f"{metric.title} ({words})" if words else metric.title
