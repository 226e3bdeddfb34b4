"""Where each layer alone loses too much: how much of it can go before it does."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.rows import layer_rows
from pruneviz.figures.kit.style import FAINT, PRUNED, SERIES, lay_out, legend_below
from pruneviz.measure.quality import ACCURACY
from pruneviz.metrics import Metric
from pruneviz.sensitivity.losses import in_words, verb

AXIS = "Units that can go from this layer alone (%)"


def thresholds(
    table: pd.DataFrame,
    loss: float,
    chosen: str = "",
    layers: Sequence[str] = (),
    metric: Metric = ACCURACY,
) -> go.Figure:
    """Return a line a layer up to the highest level that costs less than `loss` of the metric.

    `table` has the columns layer, sparsity (the lowest level that costs as much, NaN where none
    does), kept, change, change_low, change_high and probes; `layers` are all that will be in it.
    A paler line leads from the level that keeps to the one that does not. A mark's `customdata` is
    its layer and its level in percent, for a click.
    """
    names = list(layers) or list(table["layer"])
    figure = go.Figure()
    _add_stems(figure, table)
    _add_marks(figure, table, loss, chosen, metric)
    lay_out(
        figure,
        title=what_to_see(table, loss, chosen, len(layers), metric),
        x=AXIS,
        y="Layer",
    )
    figure.update_xaxes(range=[-2, 102], dtick=10)
    return legend_below(layer_rows(figure, names, chosen))


def what_to_see(
    table: pd.DataFrame,
    loss: float,
    chosen: str = "",
    wanted: int = 0,
    metric: Metric = ACCURACY,
) -> str:
    """Return the title: which layer loses too much first, and above which level."""
    if table.empty:
        return "Where each layer loses too much: no layer is searched yet"
    far = f" (so far, {len(table)} of {wanted} layers)" if len(table) < wanted else ""
    does, much = verb(metric), in_words(loss, metric)
    costs = f"{does}s {much}"
    falling = table.dropna(subset="sparsity").sort_values("sparsity", kind="stable")
    if falling.empty:
        return f"No layer alone {costs} at any level{far}"
    first = falling.iloc[0]
    if chosen in set(table["layer"]) and chosen != first["layer"]:
        own = table.loc[table["layer"] == chosen].iloc[0]
        lead = f"{_course(chosen, own['sparsity'], costs)}"
        return f"{lead}; {first['layer']} first, at {fmt.share(first['sparsity'])}{far}"
    return f"{first['layer']} is the first to {does} {much}, at {fmt.share(first['sparsity'])}{far}"


def _course(name: str, level: float, costs: str) -> str:
    return f"{name} {costs} at {'no level' if pd.isna(level) else fmt.share(level)}"


def _add_stems(figure: go.Figure, table: pd.DataFrame) -> None:
    """Draw what surely can go, and paler what lies between that and too much."""
    kept, lost = (100 * table[name].to_numpy(dtype=float) for name in ("kept", "sparsity"))
    spans = (
        ("can go", 0 * kept, kept, SERIES[0], "solid", 5),
        ("in between", kept, lost, FAINT, "dot", 2),
    )
    for name, starts, ends, colour, dash, width in spans:
        x: list[float | None] = []
        y: list[str | None] = []
        for layer, start, end in zip(table["layer"], starts, ends, strict=True):
            if not math.isnan(end):
                x += [float(start), float(end), None]
                y += [layer, layer, None]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name=name,
            line={"color": colour, "dash": dash, "width": width},
            hoverinfo="skip",
        )


def _add_marks(
    figure: go.Figure, table: pd.DataFrame, loss: float, chosen: str, metric: Metric
) -> None:
    figure.add_scatter(
        x=100 * table["kept"],
        y=table["layer"],
        customdata=_clickable(table, "kept"),
        mode="markers",
        name="still kept",
        marker={
            "size": [15 if name == chosen else 11 for name in table["layer"]],
            "color": SERIES[0],
        },
        hovertext=[_hover(row, loss, metric) for _, row in table.iterrows()],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    lost = table.dropna(subset="sparsity")
    figure.add_scatter(
        x=100 * lost["sparsity"],
        y=lost["layer"],
        customdata=_clickable(lost, "sparsity"),
        mode="markers",
        name=f"costs {in_words(loss, metric)}",
        marker={"symbol": "x-thin", "size": 9, "line": {"width": 2.5, "color": PRUNED}},
        hovertemplate="%{y}: too much at %{x:.0f} %<extra></extra>",
    )


def _clickable(table: pd.DataFrame, column: str) -> list[list[str | float]]:
    """Return what each mark says when it is clicked: the layer, and its level in percent."""
    pairs = zip(table["layer"], table[column], strict=True)
    return [[name, round(100 * level, 6)] for name, level in pairs]


def _hover(row: pd.Series, loss: float, metric: Metric) -> str:
    level = f"{row['layer']} at {100 * row['kept']:.0f} %"
    if pd.isna(row["change"]):
        costs = f"{verb(metric)}s {in_words(loss, metric)}"
        return f"{row['layer']} {costs} at the lowest level already"
    change, *ends = (
        fmt.metric_change(metric, row[name]) for name in ("change", "change_low", "change_high")
    )
    low, high = (end.removesuffix(metric.symbol_of_changes) for end in ends)
    return f"{level}: {change} (95 %: {low} to {high})"
