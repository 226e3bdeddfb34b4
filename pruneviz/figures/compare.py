"""Original and pruned beside each other: accuracy by class, speed, size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from pruneviz.figures.kit.format import points_apart, share
from pruneviz.figures.kit.style import ORIGINAL, PRUNED, lay_out
from pruneviz.metrics import METRICS, Metric
from pruneviz.metrics.metric import UNITS
from pruneviz.report import Amount

MOST_CLASSES = 25
LETTER = 7  # pixels that a letter beside a bar takes


def by_class(table: pd.DataFrame) -> go.Figure:
    """Return both accuracies of each class with 95 % intervals; `table` is `quality.by_class`'s.

    Of many classes, those that change most are shown.
    """
    table = table[table["samples"] > 0]
    worst = table["change"].abs().sort_values(ascending=False, kind="stable").index
    shown = table.loc[sorted(worst[:MOST_CLASSES])]
    figure = go.Figure()
    add_pairs(figure, shown, shown["class"], METRICS.get("accuracy"))
    lay_out(
        figure,
        title=_class_title(table, len(shown)),
        x="Accuracy (%, with 95 % interval)",
        y="Class",
        height=140 + 34 * len(shown),
    )
    return figure.update_yaxes(
        tickvals=list(range(len(shown))), ticktext=list(shown["class"]), autorange="reversed"
    )


def add_pairs(figure: go.Figure, table: pd.DataFrame, names: pd.Series, metric: Metric) -> None:
    """Add a metric of both networks with its 95 % interval, a row of the table below the other.

    Columns: samples, and original and pruned, each with its …_low and …_high.
    """
    unit = UNITS[metric.unit]
    for name, colour, symbol, shift in (
        ("original", ORIGINAL, "circle", -0.16),
        ("pruned", PRUNED, "diamond", 0.16),
    ):
        value = unit.scale * table[name]
        figure.add_scatter(
            x=value,
            y=np.arange(len(table)) + shift,
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": 9},
            error_x={
                "type": "data",
                "array": unit.scale * table[f"{name}_high"] - value,
                "arrayminus": value - unit.scale * table[f"{name}_low"],
                "color": colour,
                "thickness": 1.5,
                "width": 3,
            },
            customdata=np.stack([names, table["samples"]], -1),
            hovertemplate=f"{name}, %{{customdata[0]}}: %{{x:.{unit.decimals}f}}{unit.symbol} of "
            "%{customdata[1]} inputs<extra></extra>",
        )


def latency(original_ms: NDArray[np.float64], pruned_ms: NDArray[np.float64]) -> go.Figure:
    """Return the times of all passes of both models as boxes; their speed is said beside it."""
    figure = go.Figure()
    for name, values, colour in (
        ("original", original_ms, ORIGINAL),
        ("pruned", pruned_ms, PRUNED),
    ):
        figure.add_box(
            x=values,
            name=name,
            marker={"color": colour, "size": 4},
            line={"width": 2},
            boxpoints="outliers",
            hoverinfo="x+name",
            showlegend=False,
        )
    lay_out(
        figure, title="How long each pass took", x="Time of one forward pass (ms)", y="", height=280
    )
    # the slowest runs would flatten the boxes; they are a zoom away
    end = _end(original_ms, pruned_ms)
    return figure.update_xaxes(range=[0, end]).update_yaxes(autorange="reversed")


def beyond(original_ms: NDArray[np.float64], pruned_ms: NDArray[np.float64]) -> int:
    """Return how many passes were so slow that the figure of both times does not show them."""
    end = _end(original_ms, pruned_ms)
    return int((original_ms > end).sum() + (pruned_ms > end).sum())


def sizes(amounts: Mapping[str, tuple[Amount, str]]) -> go.Figure:
    """Return what is left of each amount in % of the original, each with its own text beside it."""
    names = list(amounts)
    left = [100 * a.pruned / a.original if a.original else 100.0 for a, _ in amounts.values()]
    figure = go.Figure()
    figure.add_bar(
        y=names,
        x=[100] * len(names),
        name="original",
        orientation="h",
        marker={"color": ORIGINAL, "opacity": 0.35},
        hoverinfo="skip",
        width=0.7,
    )
    figure.add_bar(
        y=names,
        x=left,
        name="pruned",
        orientation="h",
        marker={"color": PRUNED},
        hovertemplate="%{y}: %{x:.1f} % left<extra></extra>",
        width=0.42,
    )
    figure.update_layout(barmode="overlay")
    least = min(zip(left, names, strict=True))
    title = (
        "Nothing is smaller yet"
        if min(left) >= 100
        else f"Least is left of the {least[1]}: {share(least[0] / 100)}"
    )
    lay_out(figure, title=title, x="Left of the original (%)", y="", height=280)
    for name, (_, text) in amounts.items():
        beside = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": 6}
        figure.add_annotation(text=text, y=name, showarrow=False, **beside)
    widest = max((len(text) for _, text in amounts.values()), default=0)
    figure.update_layout(margin={"r": 14 + LETTER * widest})
    figure.update_xaxes(range=[0, max(100.0, 1.02 * max(left))])
    return figure.update_yaxes(autorange="reversed", showgrid=False)


def _end(original_ms: NDArray[np.float64], pruned_ms: NDArray[np.float64]) -> float:
    """Return where the axis of both times ends (ms): a few slow passes must not flatten it."""
    return 1.5 * max(float(np.quantile(ms, 0.9)) for ms in (original_ms, pruned_ms))


def _class_title(table: pd.DataFrame, shown: int) -> str:
    few = "" if shown == len(table) else f" (the {shown} of {len(table)} classes that change most)"
    if table.empty:
        return "No class has samples"
    worst = table.iloc[int(table["change"].to_numpy().argmin())]
    if worst["change"] >= 0:
        return f"No class loses accuracy{few}"
    sure = "" if worst["change_high"] < 0 else ", within chance"
    lost = points_apart(worst["change"])
    return f"Class “{worst['class']}” loses most: {lost}{sure}{few}"
