"""Pairs of layers: do they lose more together than each does alone?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruneviz.figures import format as fmt
from pruneviz.figures.rows import layer_rows, layer_ticks, row_height, shortened
from pruneviz.figures.style import DIVERGING, FAINT, PRUNED, SERIES, lay_out, legend_below

NAMES = 60  # pixels for the names below a matrix
MOST_PAIRS = 20  # that are drawn, the strongest first
MOST_NUMBERED = 16  # layers of a matrix with a number in each cell
SPAN = 2.0  # points; the least that a scale of interactions spans to each side
AXIS = "Accuracy together, against the sum of both losses (points)"
KINDS = (
    ("more together", PRUNED, "circle"),
    ("less together", SERIES[0], "diamond"),
    ("cannot be told", SERIES[4], "circle-open"),
)


def pairs(table: pd.DataFrame, chosen: str = "", wanted: int = 0) -> go.Figure:
    """Return the pairs with the strongest interaction, each with its interval, in points.

    `table` has the columns first, second, interaction, interaction_low and interaction_high: the
    change of accuracy with both layers pruned, less the changes with each alone, a fraction; below
    0 they lose more together. `wanted` pairs are measured in the end. A mark's `customdata` is the
    pair's first layer, or the chosen one where that is its second.
    """
    shown = strongest(table).head(MOST_PAIRS)
    labels = [label(first, second) for first, second in zip(shown["first"], shown["second"],
                                                            strict=True)]  # fmt: skip
    shown = shown.assign(label=labels, verdict=[verdict(row) for _, row in shown.iterrows()])
    figure = go.Figure()
    for name, colour, symbol in KINDS:
        _add_kind(figure, shown.loc[shown["verdict"] == name], name, colour, symbol, chosen)
    figure.add_vline(x=0, line={"color": FAINT, "width": 1.5})
    lay_out(figure, title=what_to_see(table, wanted), x=AXIS, y="Pair")
    legend_below(row_height(figure, len(shown)))
    if shown.empty:
        figure.update_xaxes(range=[-SPAN, SPAN])
    return figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=labels,
        range=[max(len(labels), 1) - 0.5, -0.5],
    )


def matrix(table: pd.DataFrame, layers: Sequence[str], chosen: str = "") -> go.Figure:
    """Return the interactions, layer by layer, in points; pairs that are not measured stay empty.

    `layers` gives the order; those that are in no pair are left out.
    """
    within = {*table["first"], *table["second"]}
    names = [name for name in layers if name in within]
    figure = go.Figure()
    if names:
        figure.add_trace(_squares(table, names))
    lay_out(figure, title=matrix_title(table), x="Layer", y="Layer")
    layer_rows(figure, names, chosen).update_layout(height=figure.layout.height + NAMES)
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


def _add_kind(
    figure: go.Figure, rows: pd.DataFrame, name: str, colour: str, symbol: str, chosen: str
) -> None:
    value = 100 * rows["interaction"]
    figure.add_scatter(
        x=value,
        y=rows["label"],
        customdata=[
            second if second == chosen else first
            for first, second in zip(rows["first"], rows["second"], strict=True)
        ],
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
        hoverongaps=False,
        text=[["" if np.isnan(v) else fmt.signed(f"{v:.1f}") for v in row] for row in values],
        texttemplate="%{text}" if len(names) <= MOST_NUMBERED else "",
        hovertemplate="%{y} and %{x}: %{z:+.1f} points<extra></extra>",
        colorbar={"title": {"text": "Points"}, "thickness": 12, "outlinewidth": 0},
    )
