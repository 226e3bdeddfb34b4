"""A layer's weights: where they are, what is gone, and how large they are."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from pruneviz.figures.kit.format import count, share
from pruneviz.figures.kit.pool import Matrix, block_sizes, mean, strongest
from pruneviz.figures.kit.style import DIVERGING, FAINT, PRUNED, REMOVED, lay_out
from pruneviz.granularity.matrix import MatrixView

BINS = 60
CLOSE = (24, 96)  # outputs and columns of which each weight can be seen
MOST_LINES = 120  # more of them across a figure are closer than a few pixels


def heatmap(
    layer: str, weight: Tensor, mask: Tensor | None, view: MatrixView | None = None
) -> go.Figure:
    """Return a layer's weights as (outputs, inputs × kernel); the removed are pale.

    `weight` is (out, in, …), `mask` bool of its shape (True = stays) or None. Large layers are
    pooled: each cell shows the strongest weight that stays in it. Where weights go in groups,
    `view` says in which; lines part them, and its order of columns puts them side by side.
    """

    values, gone = _matrices(weight, mask, view)
    flat = weight.dim() == 2
    return _drawn(values, gone, view, _limit(values), f"{layer}: {_stays(gone)}", flat=flat)


def closeup(layer: str, weight: Tensor, mask: Tensor | None, view: MatrixView) -> go.Figure:
    """Return a corner of what `heatmap` shows, weight by weight, with lines between the groups."""
    values, gone = _matrices(weight, mask, view)
    rows, columns = CLOSE
    near = gone[:rows, :columns]
    title, flat = f"{layer}, close up: {_stays(near)}", weight.dim() == 2
    return _drawn(values[:rows, :columns], near, view, _limit(values), title, flat=flat)


def is_parted(figure: go.Figure) -> bool:
    """Return whether a picture of weights has the lines that part groups."""
    return any(isinstance(trace, go.Scatter) for trace in figure.data)


def _matrices(
    weight: Tensor, mask: Tensor | None, view: MatrixView | None
) -> tuple[Matrix, Matrix]:
    """Return the weights and which are gone (0 or 1), both (outputs, rest), as a view has them."""

    def matrix(tensor: Tensor) -> Matrix:
        seen = tensor.reshape(len(tensor), -1) if view is None else view.picture(tensor)
        values: Matrix = seen.numpy()
        return values

    values = matrix(weight.detach().double())
    gone = np.zeros(values.shape) if mask is None else ~matrix(mask)
    return values, gone.astype(float)


def _drawn(
    values: Matrix,
    gone: Matrix,
    view: MatrixView | None,
    limit: float,
    title: str,
    *,
    flat: bool = False,
) -> go.Figure:
    """Return the picture; `flat` says that an input has one weight, no kernel."""
    removed = mean(gone)
    shown = strongest(np.where(gone > 0, np.nan, values))
    rows, columns = block_sizes(*values.shape)
    x, y = np.arange(shown.shape[1]) * columns, np.arange(shown.shape[0]) * rows
    figure = go.Figure(
        [_removed(x, y, removed), _cells(x, y, shown, removed, limit, rows * columns)]
    )
    if view is not None and rows * columns == 1:
        figure.add_traces(_parted(values.shape, view.parting))
    pooled = "" if rows * columns == 1 else f", {rows}×{columns} weights a cell"
    across = "kernel position × input" if view and view.inputs_last else "input × kernel position"
    across = "input" if flat else across
    return lay_out(
        figure, title=title, x=f"{across} (index){pooled}", y="output (index)", height=420
    ).update_yaxes(autorange="reversed")


def distribution(layer: str, weight: Tensor, mask: Tensor | None) -> go.Figure:
    """Return the histogram of a layer's weights, those that stay and go, stacked."""
    values = weight.detach().double().flatten().numpy()
    kept = np.ones(len(values), bool) if mask is None else mask.flatten().numpy()
    edges = np.histogram_bin_edges(values, bins=BINS)
    centres, width = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    figure = go.Figure()
    for name, part, colour in (("stays", kept, PRUNED), ("removed", ~kept, REMOVED)):
        if not part.any():
            continue
        figure.add_bar(
            x=centres,
            y=np.histogram(values[part], edges)[0],
            width=width,
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate=f"weight %{{x:.4f}}<br>%{{y:,}} {name}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0, legend_traceorder="normal")
    return lay_out(
        figure,
        title=f"{layer}: {_sizes(values, kept)}",
        x="value of the weight",
        y="weights (count)",
    )


def _cells(
    x: Matrix, y: Matrix, shown: Matrix, removed: Matrix, limit: float, pooled: int
) -> go.Heatmap:
    """Return the weights that stay, `pooled` of them in each cell."""
    return go.Heatmap(
        x=x,
        y=y,
        z=np.float32(shown),
        customdata=np.float32(removed),
        colorscale=DIVERGING,
        zmin=-limit,
        zmax=limit,
        colorbar={"title": {"text": "weight"}, "thickness": 12},
        hovertemplate="output %{y}, input %{x}<br>weight %{z:.4f}"
        + ("<br>%{customdata:.0%} of this cell removed" if pooled > 1 else "")
        + "<extra></extra>",
        hoverongaps=False,
    )


def _removed(x: Matrix, y: Matrix, removed: Matrix) -> go.Heatmap:
    """Return the pale layer under the weights: the cells of which nothing is left."""
    return go.Heatmap(
        x=x,
        y=y,
        z=np.float32(np.where(removed >= 1, 1.0, np.nan)),
        colorscale=[[0, REMOVED], [1, REMOVED]],
        showscale=False,
        hovertemplate="output %{y}, input %{x}<br>removed<extra></extra>",
        hoverongaps=False,
    )


def _parted(shape: tuple[int, ...], parting: tuple[int, int]) -> list[go.Scatter]:
    """Return the lines that part groups of so many rows and columns; none where they are a blur."""
    (height, width), (rows, columns) = shape, parting
    edges: list[tuple[list[float | None], list[float | None]]] = []
    if rows and height // rows <= MOST_LINES:
        for place in np.arange(rows, height, rows) - 0.5:
            edges.append(([-0.5, width - 0.5, None], [place, place, None]))
    if 1 < columns < width and width // columns <= MOST_LINES:
        for place in np.arange(columns, width, columns) - 0.5:
            edges.append(([place, place, None], [-0.5, height - 0.5, None]))
    if not edges:
        return []
    line = go.Scatter(
        x=[x for xs, _ in edges for x in xs],
        y=[y for _, ys in edges for y in ys],
        mode="lines",
        line={"color": FAINT, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    return [line]


def _limit(values: Matrix) -> float:
    """Return the end of a symmetric colour scale that a few outliers do not stretch."""
    return float(np.quantile(np.abs(values), 0.995)) or 1e-6


def _stays(gone: Matrix) -> str:
    left = int(gone.size - gone.sum())
    if left == gone.size:
        return f"all {count(left)} weights stay"
    return f"{count(left)} of {count(gone.size)} weights stay ({share(left / gone.size)})"


def _sizes(values: Matrix, kept: Matrix) -> str:
    if kept.all():
        return f"no weight goes; their median size is {np.median(np.abs(values)):.3f}"
    if not kept.any():
        return "every weight is removed"
    stays, gone = np.median(np.abs(values[kept])), np.median(np.abs(values[~kept]))
    return f"weights that go have the median size {gone:.3f}, those that stay {stays:.3f}"
