"""Pairs of layers: do they lose more together than each does alone?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.rows import ROW, layer_rows, layer_ticks, row_height, shortened
from pruneviz.figures.kit.style import (
    DIVERGING,
    FAINT,
    PRUNED,
    SERIES,
    TRANSPARENT,
    lay_out,
    legend_below,
)

CELL = 60  # pixels from a cell's middle at which a click still means it
NAMES = 60  # pixels for the names below a matrix
MOST_PAIRS = 20  # that are drawn, the strongest first
MOST_NUMBERED = 10  # layers of a matrix with a number in each cell; of more none can be read
NUMBER = 11  # pixels of such a number
SPAN = 2.0  # points; the least that a scale of interactions spans to each side
AXIS = "Change beyond the sum of both (points)"
KINDS = (
    ("more together", PRUNED, "circle"),
    ("less together", SERIES[0], "diamond"),
    ("too close to tell", SERIES[4], "circle-open"),
)


def pairs(table: pd.DataFrame, chosen: str = "", wanted: int = 0) -> go.Figure:
    """Return the pairs with the strongest interaction, each with its interval, in points.

    `table` has the columns first, second, interaction, interaction_low and interaction_high: the
    change of accuracy with both layers pruned, less the changes with each alone, a fraction; below
    0 they lose more together. `wanted` pairs are measured in the end. A mark's `customdata` are
    both layers, each with its level in percent, for a click. Pairs with the `chosen` layer are
    bold.
    """
    shown = strongest(table).head(MOST_PAIRS)
    labels = [label(first, second) for first, second in zip(shown["first"], shown["second"],
                                                            strict=True)]  # fmt: skip
    bold = [
        f"<b>{text}</b>" if chosen in (first, second) else text
        for text, first, second in zip(labels, shown["first"], shown["second"], strict=True)
    ]
    shown = shown.assign(label=labels, verdict=[verdict(row) for _, row in shown.iterrows()])
    figure = go.Figure()
    for name, colour, symbol in KINDS:
        _add_kind(figure, shown.loc[shown["verdict"] == name], name, colour, symbol)
    figure.add_vline(x=0, line={"color": FAINT, "width": 1.5})
    lay_out(figure, title=what_to_see(table, wanted), x=AXIS, y=_which(table))
    legend_below(row_height(figure, len(shown)))
    if shown.empty:
        figure.update_xaxes(range=[-SPAN, SPAN])
    return figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=labels,
        tickmode="array",
        tickvals=labels,
        ticktext=bold,
        range=[max(len(labels), 1) - 0.5, -0.5],
    )


def matrix(table: pd.DataFrame, layers: Sequence[str], chosen: str = "") -> go.Figure:
    """Return the interactions, layer by layer, in points; a cross is a pair that is not measured.

    `layers` gives the order; those that are in no pair are left out. A cell's `customdata` is as
    that of a mark of `pairs`.
    """
    within = {*table["first"], *table["second"]}
    names = [name for name in layers if name in within]
    figure = go.Figure()
    if names:
        figure.add_trace(_squares(table, names))
        figure.add_trace(_unknown(table, names))
        figure.add_trace(_cells(table))
    lay_out(figure, title=matrix_title(table), x="Layer", y="Layer")
    layer_rows(figure, names, chosen).update_layout(height=figure.layout.height + NAMES)
    figure.update_layout(hoverdistance=CELL)
    figure.update_xaxes(layer_ticks(names, chosen), tickangle=-45, showgrid=False)
    return figure.update_yaxes(showgrid=False)


def strongest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs, those that lose most beyond the sum first."""
    return table.sort_values("interaction", kind="stable", ignore_index=True)


def verdict(row: pd.Series) -> str:
    """Return what a pair's interval says."""
    if row["interaction_high"] < 0:
        return KINDS[0][0]
    return KINDS[1][0] if row["interaction_low"] > 0 else KINDS[2][0]


def label(first: str, second: str) -> str:
    """Return a pair's name."""
    return f"{shortened(first)} + {shortened(second)}"


def what_to_see(table: pd.DataFrame, wanted: int = 0) -> str:
    """Return the title: which pair loses most beyond the sum of what each loses alone."""
    if table.empty:
        return "Which layers lose more together: no pair is measured yet"
    far = f" (so far, {len(table)} of {fmt.plural(wanted, 'pair')})" if len(table) < wanted else ""
    found = strongest(table)
    clear = [row for _, row in found.iterrows() if verdict(row) == KINDS[0][0]]
    if not clear:
        return f"No pair surely loses more together than its layers do alone{far}"
    row = clear[0]
    lost = _points(-row["interaction"])
    name = f"{row['first']} and {row['second']}"
    return f"{name} lose {lost} more together than the sum of both alone{far}"


def matrix_title(table: pd.DataFrame) -> str:
    """Return the matrix's title: how many pairs lose more together, and how many less."""
    if table.empty:
        return "Layer by layer: no pair is measured yet"
    verdicts = [verdict(row) for _, row in table.iterrows()]
    more, less = verdicts.count(KINDS[0][0]), verdicts.count(KINDS[1][0])
    of = fmt.plural(len(table), "pair")
    return f"Of {of}, {more} surely lose more together, {less} less"


def _points(difference: float) -> str:
    return f"{100 * difference:.1f} points"


def _add_kind(figure: go.Figure, rows: pd.DataFrame, name: str, colour: str, symbol: str) -> None:
    value = 100 * rows["interaction"]
    figure.add_scatter(
        x=value,
        y=rows["label"],
        customdata=_levels(rows),
        mode="markers",
        name=name,
        marker={
            "color": colour,
            "symbol": symbol,
            "size": 10,
            "line": {"width": 2, "color": colour},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": 100 * rows["interaction_high"] - value,
            "arrayminus": value - 100 * rows["interaction_low"],
            "thickness": 1.5,
            "width": 4,
            "color": colour,
        },
        hovertext=[_hover(row) for _, row in rows.iterrows()],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=True,
    )


def _hover(row: pd.Series) -> str:
    own = [fmt.points(row[name]) for name in ("change_first", "change_second", "change_together")]
    low, high = (
        fmt.signed(f"{100 * row[name]:.1f}") for name in ("interaction_low", "interaction_high")
    )
    return (
        f"{row['first']} alone {own[0]}<br>{row['second']} alone {own[1]}<br>both {own[2]}"
        f"<br>beyond the sum {fmt.points(row['interaction'])} ({low} to {high})"
    )


def _squares(table: pd.DataFrame, names: list[str]) -> go.Heatmap:
    place = {name: i for i, name in enumerate(names)}
    values = np.full((len(names), len(names)), np.nan)
    for first, second, value in table[["first", "second", "interaction"]].itertuples(index=False):
        if first in place and second in place:
            values[place[first], place[second]] = values[place[second], place[first]] = 100 * value
    known = values[~np.isnan(values)]
    span = max(SPAN, float(np.abs(known).max())) if len(known) else SPAN
    return go.Heatmap(
        z=values,
        x=names,
        y=names,
        zmin=-span,
        zmax=span,
        colorscale=DIVERGING,
        xgap=2,
        ygap=2,
        hoverinfo="skip",
        text=[["" if np.isnan(v) else fmt.signed(f"{v:.1f}") for v in row] for row in values],
        texttemplate="%{text}" if len(names) <= MOST_NUMBERED else "",
        textfont={"size": NUMBER},
        colorbar={"title": {"text": "Points"}, "thickness": 12, "outlinewidth": 0},
    )


def _unknown(table: pd.DataFrame, names: list[str]) -> go.Scatter:
    """Return a cross for each pair that is not measured, so that none is taken for 0."""
    known = {frozenset(pair) for pair in zip(table["first"], table["second"], strict=True)}
    open_pairs = [(a, b) for a in names for b in names if a != b and frozenset((a, b)) not in known]
    return go.Scatter(
        x=[a for a, _ in open_pairs],
        y=[b for _, b in open_pairs],
        mode="markers",
        name="not measured",
        marker={"symbol": "x-thin", "size": 5, "line": {"width": 1, "color": FAINT}},
        hoverinfo="skip",
        showlegend=bool(open_pairs),
    )


def _cells(table: pd.DataFrame) -> go.Scatter:
    """Return an invisible point over each cell: Plotly reports no clicks on a heatmap."""
    hidden, hover = {"marker": {"opacity": 0}}, [_hover(row) for _, row in table.iterrows()]
    return go.Scatter(
        x=[*table["first"], *table["second"]],
        y=[*table["second"], *table["first"]],
        customdata=[*_levels(table), *_levels(table)],
        mode="markers",
        marker={"size": ROW, "color": TRANSPARENT, "line": {"width": 0}},
        selected=hidden,
        unselected=hidden,
        hovertext=[*hover, *hover],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )


def _levels(rows: pd.DataFrame) -> list[list[str | float]]:
    """Return both layers of each pair, each with its level in percent."""
    columns = ["first", "level_first", "second", "level_second"]
    return [
        [first, round(100 * own, 6), second, round(100 * other, 6)]
        for first, own, second, other in rows[columns].itertuples(index=False)
    ]


def _which(table: pd.DataFrame) -> str:
    """Return the title of the pairs' axis: which of them are drawn, where not all are."""
    most = MOST_PAIRS
    return f"Pair (the {most} that lose most, of {len(table)})" if len(table) > most else "Pair"
