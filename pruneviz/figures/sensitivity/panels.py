"""Sensitivity in small multiples: one small panel a layer, all on the same axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pruneviz.figures.kit.rows import shortened
from pruneviz.figures.kit.style import ORIGINAL, PRUNED, SERIES, lay_out
from pruneviz.figures.sensitivity.curves import band, clickable, value_range
from pruneviz.figures.sensitivity.reading import Reading, hovered, most_sensitive, what_to_see

MOST_PANELS = 24
ACROSS = 4
PANEL, GAP = 118, 44  # pixels of a panel, and between two of them for a layer's name
NAME_CHARACTERS = 20
QUIET, PALE = SERIES[4], "rgba(107, 114, 128, 0.2)"


def panels(
    table: pd.DataFrame,
    reading: Reading,
    layers: Sequence[str],
    chosen: str = "",
    wanted: int = 0,
) -> go.Figure:
    """Return a panel for each of some `layers` (at most MOST_PANELS), with its 95 % interval.

    The title speaks of the whole table, of which `wanted` layers are measured in the end. The
    chosen layer (else the one that costs most) has the colour of what is pruned.
    """
    shown = list(layers)[:MOST_PANELS]
    worst = most_sensitive(table, reading)
    leading = chosen or (worst.layer if worst else "")
    across = min(ACROSS, max(1, len(shown)))
    down = max(1, math.ceil(len(shown) / across))
    figure = _grid(shown, down, across)
    for number, name in enumerate(shown):
        row, column = 1 + number // across, 1 + number % across
        rows = table.loc[table["layer"] == name]
        for trace in _panel(name, rows, reading, name == leading):
            figure.add_trace(trace, row=row, col=column)
    return _look(figure, table, reading, what_to_see(table, reading, chosen, wanted), down)


def page_of(layers: Sequence[str], chosen: str) -> int:
    """Return on which page of panels a layer is, counted from 0; the first where it is nowhere."""
    return list(layers).index(chosen) // MOST_PANELS if chosen in layers else 0


def _grid(shown: Sequence[str], down: int, across: int) -> go.Figure:
    height = down * PANEL + (down - 1) * GAP
    figure: go.Figure = make_subplots(
        rows=down,
        cols=across,
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=GAP / height if down > 1 else 0.0,
        subplot_titles=[shortened(name, NAME_CHARACTERS) for name in shown],
    )
    figure.update_annotations(font={"size": 13}, yshift=2)
    return figure


def _panel(
    name: str, rows: pd.DataFrame, reading: Reading, leads: bool
) -> tuple[go.Scatter, go.Scatter]:
    levels = [0.0, *(round(100 * level, 6) for level in rows["sparsity"])]
    line = go.Scatter(
        x=levels,
        y=[reading.original, *rows["value"]],
        name=name,
        customdata=clickable(name, levels),
        mode="lines+markers",
        showlegend=False,
        line={"color": PRUNED if leads else QUIET, "width": 2.5 if leads else 1.8},
        marker={"size": 6},
        **hovered(name, rows, reading),
    )
    interval = band(rows).update(showlegend=False)
    if not leads:
        interval.fillcolor = PALE
    return interval, line


def _look(
    figure: go.Figure, table: pd.DataFrame, reading: Reading, title: str, down: int
) -> go.Figure:
    lay_out(figure, title=title, x="", y="")
    across = {"color": ORIGINAL, "dash": "dot", "width": 1.2}
    figure.add_hline(y=reading.original, line=across, row="all", col="all")
    figure.update_xaxes(range=[0, 96], tickvals=[0, 30, 60])
    figure.update_yaxes(range=value_range(table, reading), nticks=4)
    figure.update_xaxes(title={"text": "Removed (%)", "standoff": 6}, row=down, col=1)
    figure.update_yaxes(title_text=reading.axis, row=1, col=1)
    margin = figure.layout.margin
    figure.update_layout(margin={"t": margin.t, "b": 56})
    return figure.update_layout(height=margin.t + 56 + down * PANEL + (down - 1) * GAP)
