"""Numbers that two networks answer with, against the true ones."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from torch import Tensor

from pruneviz.figures.kit.style import AXES, ORIGINAL, PRUNED, lay_out

MOST_POINTS = 2000  # that a browser draws with ease


def against_truth(
    truth: Tensor, original: Tensor, pruned: Tensor, names: Sequence[str], title: str
) -> go.Figure:
    """Return both networks' numbers (N,) over the true ones; what is right lies on the line.

    Of many inputs, every k-th is drawn, and the axis says so.
    """
    every = -(-len(truth) // MOST_POINTS) or 1
    where = truth[::every].tolist()
    figure = go.Figure()
    for name, values, colour, symbol in (
        ("original", original, ORIGINAL, "circle"),
        ("pruned", pruned, PRUNED, "diamond"),
    ):
        figure.add_scatter(
            x=where,
            y=values[::every].tolist(),
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": 7, "opacity": 0.75},
            customdata=list(names[::every]),
            hovertemplate=f"{name}, %{{customdata}}: %{{y:.4g}}, truth %{{x:.4g}}<extra></extra>",
        )
    ends = [min(where, default=0.0), max(where, default=1.0)]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", name="right", line={"color": AXES, "dash": "dot"},
        hoverinfo="skip",
    )  # fmt: skip
    some = f" (every {every}th of {len(truth):,} inputs)" if every > 1 else ""
    return lay_out(figure, title=title, x=f"Truth{some}", y="Answer", height=420)
