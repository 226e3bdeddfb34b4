"""Sensitivity: what is left when one layer alone is pruned, level by level, a curve a layer."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from pruneviz.figures.kit.style import (
    DASHES,
    FAINT,
    ORIGINAL,
    PRUNED,
    SERIES,
    SYMBOLS,
    interval,
    lay_out,
    legend_below,
)
from pruneviz.figures.sensitivity.reading import (
    PERCENT,
    Reading,
    hovered,
    most_sensitive,
    ranked,
    what_to_see,
)

LEVEL_AXIS = "Units removed from this layer alone (%)"


def sensitivity(
    table: pd.DataFrame, reading: Reading, chosen: str = "", layers: Sequence[str] = ()
) -> go.Figure:
    """Return one curve a layer; the chosen one (else the most sensitive) stands out with its 95 %
    interval, the original is a line across. `layers` are all that will be measured.

    Every point's `customdata` is its layer's name and the level in percent, so that a click can
    choose both. Only the layers that cost most have a colour and a place in the legend.
    """
    worst = most_sensitive(table, reading)
    leading = chosen if chosen in set(table["layer"]) else (worst.layer if worst else "")
    figure = go.Figure()
    costly = set(ranked(table, reading)[: len(SERIES)])
    coloured = [name for name in dict.fromkeys(table["layer"]) if name in costly]
    for name, rows in table.groupby("layer", sort=False):
        place = coloured.index(str(name)) if name in costly else None
        _curve(figure, str(name), rows, reading, place, name == leading)
    add_original(figure, reading)
    lay_out(
        figure,
        title=what_to_see(table, reading, chosen, len(layers)),
        x=LEVEL_AXIS,
        y=reading.axis,
        height=440,
    )
    legend_below(figure)
    figure.update_xaxes(range=[0, 92], dtick=10)
    figure.update_yaxes(range=value_range(table, reading))
    return figure


def add_original(figure: go.Figure, reading: Reading) -> None:
    """Draw the original's value as a line across, with its number; that of changes is 0."""
    number = "" if reading.changes else f" {reading.value(reading.original)}"
    figure.add_hline(y=reading.original, line={"color": ORIGINAL, "dash": "dot", "width": 1.5})
    figure.add_annotation(
        x=1,
        xref="paper",
        xanchor="right",
        y=reading.original,
        yanchor="bottom",
        text=f"{reading.called}{number}",
        showarrow=False,
    )


def value_range(table: pd.DataFrame, reading: Reading) -> list[float]:
    """Return the ends of the axis of values: from 0, and all that can be where that is known.

    What may lie below 0 or above 1 all the same is on it where it is measured.
    """
    values = [reading.original, *table["value"].dropna()]
    if reading.changes:
        far = reading.original - reading.span if reading.falls else reading.original + reading.span
        values += [end for name in ("low", "high") for end in table[name].dropna()]
        low, high = float(min(far, *values)), float(max(far, *values))
        room = 0.06 * (high - low)
        return [low - room, high + room]
    lowest = min(0.0, 1.08 * float(min(values)))
    if reading.unit == PERCENT:
        return [lowest, 104.0]
    if reading.falls and reading.metric is None:
        return [lowest, 1.04]
    highest = max(reading.original + reading.span, *values)
    return [lowest, 1.08 * float(highest)]


def clickable(name: str, levels: Sequence[float]) -> list[list[str | float]]:
    """Return what each point of a layer says when it is clicked: the layer and the percentage."""
    return [[name, level] for level in levels]


def band(rows: pd.DataFrame) -> go.Scatter:
    """Return the 95 % interval of a layer's points as a pale band."""
    known = rows.dropna(subset=["low", "high"])
    levels = list(100 * known["sparsity"])
    return interval(levels, list(known["low"]), list(known["high"]))


def _curve(
    figure: go.Figure,
    name: str,
    rows: pd.DataFrame,
    reading: Reading,
    place: int | None,
    leads: bool,
) -> None:
    """Draw a layer; `place` is its number among the coloured ones, None elsewhere."""
    x = [0.0, *(round(100 * level, 6) for level in rows["sparsity"])]
    colour = PRUNED if leads else FAINT if place is None else SERIES[place]
    if leads:
        figure.add_trace(band(rows))
    figure.add_scatter(
        x=x,
        y=[reading.original, *rows["value"]],
        name=name,
        customdata=clickable(name, x),
        mode="lines+markers",
        showlegend=leads or place is not None,
        line={
            "color": colour,
            "width": 4 if leads else 1.8,
            "dash": "solid" if leads else DASHES[place or 0],
        },
        marker={"symbol": SYMBOLS[place or 0], "size": 9 if leads else 6},
        **hovered(name, rows, reading),
    )
