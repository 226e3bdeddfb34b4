"""One small layer, and what each granularity removes of it."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor

from pruneviz.figures.kit.style import ORIGINAL, REMOVED, SUBTITLE, lay_out

ACROSS = 2
ROW_HEIGHT = 120  # pixels
CAPTION = (
    "A convolution with 8 outputs (rows), 4 inputs and 3 × 3 kernels (9 columns for each input). "
    "Half of its units go by L1 magnitude; blue stays, grey goes. Heads, experts and residual "
    "blocks are parts of a network, so none is shown here."
)


def examples(shown: Sequence[tuple[str, Tensor]]) -> go.Figure:
    """Return a picture for each granularity: its title and what stays, bool (rows, columns)."""
    rows = -(-len(shown) // ACROSS)
    titles = [title for title, _ in shown]
    figure = make_subplots(
        rows=rows, cols=ACROSS, subplot_titles=titles, horizontal_spacing=0.06,
        vertical_spacing=0.5 / max(rows, 1) / 1.6,
    )  # fmt: skip
    for index, (title, stays) in enumerate(shown):
        figure.add_heatmap(
            z=stays.int().numpy(),
            zmin=0,
            zmax=1,
            colorscale=[[0, REMOVED], [1, ORIGINAL]],
            showscale=False,
            xgap=1,
            ygap=1,
            name=title,
            hovertemplate="output %{y}, weight %{x}<extra></extra>",
            row=index // ACROSS + 1,
            col=index % ACROSS + 1,
        )
    lay_out(
        figure,
        title="The larger the units, the more regular what stays, and the easier it is to run fast",
        x="",
        y="",
        height=90 + ROW_HEIGHT * rows,
    )
    figure.update_layout(margin={"t": figure.layout.margin.t + SUBTITLE})
    figure.update_xaxes(showticklabels=False, ticks="", showgrid=False)
    figure.update_yaxes(showticklabels=False, ticks="", showgrid=False, autorange="reversed")
    return figure
