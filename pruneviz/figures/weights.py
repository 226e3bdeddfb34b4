"""A layer's weights: where they are, what is gone, and how large they are."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from pruneviz.figures.format import count, share
from pruneviz.figures.pool import Matrix, block_sizes, mean, strongest
from pruneviz.figures.style import DIVERGING, PRUNED, REMOVED, lay_out

BINS = 60


def heatmap(layer: str, weight: Tensor, mask: Tensor | None) -> go.Figure:
    """Return a layer's weights as (outputs, inputs × kernel); the removed are pale.

    `weight` is (out, in, …), `mask` bool of its shape (True = stays) or None. Large layers are
    pooled: each cell shows the strongest weight that stays in it.
    """
    values = weight.detach().double().reshape(len(weight), -1).numpy()
    gone = np.zeros(values.shape) if mask is None else ~mask.reshape(values.shape).numpy()
    removed = mean(gone.astype(float))
    shown = strongest(np.where(gone > 0, np.nan, values))
    rows, columns = block_sizes(*values.shape)
    x, y = np.arange(shown.shape[1]) * columns, np.arange(shown.shape[0]) * rows
    limit = _limit(values)
    figure = go.Figure(
        [
            _removed(x, y, removed),
            go.Heatmap(
                x=x,
                y=y,
                z=np.float32(shown),
                customdata=np.float32(removed),
                colorscale=DIVERGING,
                zmin=-limit,
                zmax=limit,
                colorbar={"title": {"text": "weight"}, "thickness": 12},
                hovertemplate="output %{y}, input %{x}<br>weight %{z:.4f}"
                + ("<br>%{customdata:.0%} of this cell removed" if rows * columns > 1 else "")
                + "<extra></extra>",
                hoverongaps=False,
            ),
        ]
    )
    pooled = "" if rows * columns == 1 else f", {rows}×{columns} weights a cell"
    return lay_out(
        figure,
        title=f"{layer}: {_stays(gone)}",
        x=f"input × kernel position (index){pooled}",
        y="output (index)",
        height=420,
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
        return f"nothing goes; the median size is {np.median(np.abs(values)):.3f}"
    if not kept.any():
        return "every weight is removed"
    stays, gone = np.median(np.abs(values[kept])), np.median(np.abs(values[~kept]))
    return f"median size {gone:.3f} goes, {stays:.3f} stays"
