"""Methods side by side: accuracy of the whole network against the amount removed."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.style import DASHES, ORIGINAL, PRUNED, SERIES, SYMBOLS, lay_out

COLOURS = (PRUNED, *SERIES)


def best_at(tables: Mapping[str, pd.DataFrame], level: float) -> tuple[str, float] | None:
    """Return the method with the highest accuracy at a level, None where none is measured there."""
    found = {
        name: float(rows["accuracy"].iloc[0])
        for name, table in tables.items()
        if len(rows := table[(table["sparsity"] - level).abs() < 1e-9].dropna(subset="accuracy"))
    }
    best = max(found, key=found.__getitem__, default=None)
    return None if best is None else (best, found[best])


def what_to_see(tables: Mapping[str, pd.DataFrame], original: float, wanted: int = 0) -> str:
    """Return the title: what keeps most at the last level that costs someone less than 5 points.

    `wanted` methods are compared; while fewer are measured, it says of how many it speaks.
    """
    levels = sorted({level for table in tables.values() for level in table["sparsity"]})
    if not levels:
        return "Nothing is measured yet"
    far = f" (so far, {len(tables)} of {wanted} methods)" if len(tables) < wanted else ""
    for level in reversed(levels):
        best = best_at(tables, level)
        if best is not None and best[1] >= original - 0.05:
            lead = f"{best[0]} keeps most{far}: {fmt.percent(best[1])} with {fmt.share(level)}"
            return f"{lead} removed, the last amount at which any loses less than 5 points"
    return f"Every method{far} loses more than 5 points at {fmt.share(levels[0])} already"


def curves(tables: Mapping[str, pd.DataFrame], original: float, wanted: int = 0) -> go.Figure:
    """Return one curve a method, with 95 % intervals as bars; the original is a line across.

    `tables` hold by title the columns sparsity, accuracy, low, high, samples.
    """
    figure = go.Figure()
    for index, (title, table) in enumerate(tables.items()):
        rows = table.dropna(subset="accuracy")
        figure.add_scatter(
            x=[0.0, *(100 * rows["sparsity"])],
            y=[100 * original, *(100 * rows["accuracy"])],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [0.0, *(100 * (rows["high"] - rows["accuracy"]))],
                "arrayminus": [0.0, *(100 * (rows["accuracy"] - rows["low"]))],
                "thickness": 1,
                "width": 3,
            },
            name=title,
            showlegend=True,
            mode="lines+markers",
            line={"color": COLOURS[index % len(COLOURS)], "dash": DASHES[index % len(DASHES)],
                  "width": 2},
            marker={"symbol": SYMBOLS[index % len(SYMBOLS)], "size": 8},
            hovertemplate=f"{title}: %{{y:.1f}} % at %{{x:.0f}} %<extra></extra>",
        )  # fmt: skip
    figure.add_hline(y=100 * original, line={"color": ORIGINAL, "dash": "dot", "width": 1.5})
    lay_out(
        figure,
        title=what_to_see(tables, original, wanted),
        x="Units removed from the whole network (%)",
        y="Accuracy (%)",
        height=460,
    )
    figure.update_xaxes(range=[0, 92], dtick=10)
    figure.update_yaxes(range=[0, 104])
    return figure
