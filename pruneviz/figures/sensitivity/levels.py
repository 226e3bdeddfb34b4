"""Sensitivity as a heatmap: what each layer loses at each level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruneviz.figures.kit.format import MINUS
from pruneviz.figures.kit.pool import Matrix
from pruneviz.figures.kit.rows import ROW, layer_rows
from pruneviz.figures.kit.style import INK, TRANSPARENT, lay_out
from pruneviz.figures.sensitivity.curves import LEVEL_AXIS
from pruneviz.figures.sensitivity.reading import Reading, in_words, what_to_see

# One hue that only grows denser: its order is seen with any kind of colour vision, on light and
# dark pages, and the numbers can be read on all of it.
DENSER = [[0.0, "rgba(213, 94, 0, 0.03)"], [1.0, "rgba(213, 94, 0, 0.8)"]]
CELL = 60  # pixels from a cell's middle at which a click still means it
MOST_NUMBERED = 400  # cells; more numbers than that are not read


def heatmap(
    table: pd.DataFrame,
    reading: Reading,
    chosen: str = "",
    layers: Sequence[str] = (),
    columns: Sequence[float] = (),
) -> go.Figure:
    """Return a row a layer and a column a level: how much worse than the original, with numbers.

    A cell's `customdata` is its layer and its level in percent, for a click. `layers` and
    `columns` (levels) are all that will be measured, in the network's order.
    """
    names = list(layers) or list(dict.fromkeys(table["layer"]))
    levels = sorted({*table["sparsity"], *columns})
    values = _matrix(table, names, levels)
    damage = reading.original - values if reading.falls else values - reading.original
    figure = go.Figure()
    if levels:
        figure.add_trace(_colours(damage, names, levels, reading))
        figure.add_trace(_cells(table, damage, names, levels, reading))
    lay_out(
        figure,
        title=what_to_see(table, reading, chosen, len(layers)),
        x=LEVEL_AXIS,
        y="Layer",
    )
    figure.update_layout(hoverdistance=CELL)
    figure.update_xaxes(type="category", showgrid=False)
    return layer_rows(figure, names, chosen).update_yaxes(showgrid=False)


def _matrix(table: pd.DataFrame, names: list[str], levels: list[float]) -> Matrix:
    """Return the values by layer and level, NaN where nothing is measured."""
    values = np.full((len(names), len(levels)), np.nan)
    rows, columns = ({key: i for i, key in enumerate(keys)} for keys in (names, levels))
    for layer, level, value in table[["layer", "sparsity", "value"]].itertuples(index=False):
        if layer in rows:
            values[rows[layer], columns[level]] = value
    return values


def _colours(damage: Matrix, names: list[str], levels: list[float], reading: Reading) -> go.Heatmap:
    known = damage[~np.isnan(damage)]
    worse = "Points" if reading.in_points else reading.unit.capitalize()
    return go.Heatmap(
        z=damage,
        x=[f"{100 * level:g}" for level in levels],
        y=names,
        colorscale=DENSER,
        zmin=0,
        zmax=max(reading.span, float(known.max())) if len(known) else reading.span,
        xgap=2,
        ygap=2,
        hoverinfo="skip",
        colorbar={
            "title": {"text": f"{worse} worse" if worse else "Worse by", "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
        },
    )


def _cells(
    table: pd.DataFrame, damage: Matrix, names: list[str], levels: list[float], reading: Reading
) -> go.Scatter:
    """Return an invisible point over each cell: Plotly reports no clicks on a heatmap."""
    known = table.dropna(subset="value")
    known = known.loc[known["layer"].isin(names)]
    percents = [round(100 * level, 6) for level in known["sparsity"]]
    rows, columns = ({key: i for i, key in enumerate(keys)} for keys in (names, levels))
    at = zip(known["layer"], known["sparsity"], strict=True)
    lost = [float(damage[rows[layer], columns[level]]) for layer, level in at]
    hidden = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=[f"{percent:g}" for percent in percents],
        y=known["layer"],
        customdata=[list(row) for row in zip(known["layer"], percents, strict=True)],
        mode="markers+text" if len(known) <= MOST_NUMBERED else "markers",
        text=[_number(value, reading) for value in lost],
        textfont={"color": INK},
        hovertext=[in_words(row, reading) for _, row in known.iterrows()],
        hovertemplate="%{hovertext}<extra></extra>",
        marker={"size": ROW, "color": TRANSPARENT, "line": {"width": 0}},
        selected=hidden,
        unselected=hidden,
        showlegend=False,
        cliponaxis=False,
    )


def _number(damage: float, reading: Reading) -> str:
    text = f"{damage:.0f}".replace("-", MINUS) if reading.in_points else reading.alone(damage)
    return text if any(digit in text for digit in "123456789") else "0"
