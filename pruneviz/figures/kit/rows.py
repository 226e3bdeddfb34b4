"""Figures with a row for each layer, in the network's order from the top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

ROW, FOOT = 26, 70  # pixels of a row, and of what stands below the last one
FEWEST = 4  # rows that a figure has room for, so that it does not jump as rows come in
NAME_CHARACTERS = 28


def shortened(name: str, most: int = NAME_CHARACTERS) -> str:
    """Return a layer's name with its end, where names differ, if it is too long for its place."""
    return name if len(name) <= most else f"…{name[-(most - 1) :]}"


def layer_rows(figure: go.Figure, names: Sequence[str], chosen: str = "") -> go.Figure:
    """Give a laid-out figure a row for each layer, the chosen one's name in bold."""
    row_height(figure, len(names))
    figure.update_yaxes(layer_ticks(names, chosen))
    return figure.update_yaxes(range=[max(len(names), 1) - 0.5, -0.5])


def layer_ticks(names: Sequence[str], chosen: str = "") -> dict[str, Any]:
    """Return an axis with a place for each layer. Names of digits are names, not numbers."""
    bold = [f"<b>{shortened(n)}</b>" if n == chosen else shortened(n) for n in names]
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(names),
        "tickmode": "array",
        "tickvals": list(names),
        "ticktext": bold,
    }


def row_height(figure: go.Figure, rows: int) -> go.Figure:
    """Give a laid-out figure the height of so many rows."""
    height = figure.layout.margin.t + FOOT + ROW * max(FEWEST, rows)
    return figure.update_layout(height=height)
