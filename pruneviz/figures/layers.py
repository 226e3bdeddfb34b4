"""Layer by layer: what stays and what goes."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz.figures import format as fmt
from pruneviz.figures.style import PRUNED, REMOVED, lay_out
from pruneviz.report import LayerReport

ROW_HEIGHT = 34
FRAME_HEIGHT = 150
IMPOSSIBLE = "Nothing is removed: the plan cannot be carried out"


def kept_and_removed(
    layers: Sequence[LayerReport], chosen: str = "", *, possible: bool = True
) -> go.Figure:
    """Return one bar a layer: parameters that stay and parameters that go, in forward order.

    `possible` is False while the plan cannot be carried out and the layers are shown whole.

    Each bar's `customdata` is the layer's name, so that a click can choose it.
    """
    names = [layer.name for layer in layers]
    kept = [layer.parameters.pruned for layer in layers]
    removed = [layer.parameters.original - layer.parameters.pruned for layer in layers]
    shares = [_lost(layer) for layer in layers]
    figure = go.Figure()
    figure.add_bar(
        name="stays",
        y=names,
        x=kept,
        orientation="h",
        customdata=names,
        marker={"color": PRUNED},
        hovertemplate="%{y}: %{x:,} parameters stay<extra></extra>",
    )
    figure.add_bar(
        name="goes",
        y=names,
        x=removed,
        orientation="h",
        customdata=names,
        marker={"color": REMOVED, "pattern": {"shape": "/", "fgcolor": "#8a929c", "size": 6}},
        text=[f"{fmt.MINUS}{fmt.share(share)}" if share else "" for share in shares],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:,} parameters go<extra></extra>",
    )
    lay_out(
        figure,
        title=what_to_see(layers) if possible else IMPOSSIBLE,
        x="Parameters (count)",
        y="Layer",
        height=FRAME_HEIGHT + ROW_HEIGHT * max(len(names), 3),
    )
    widest = max((layer.parameters.original for layer in layers), default=1)
    figure.update_layout(barmode="stack", bargap=0.35, legend_traceorder="normal")
    figure.update_xaxes(range=[0, widest * 1.14])
    labels = [f"<b>{name}</b>" if name == chosen else name for name in names]
    figure.update_yaxes(autorange="reversed", tickvals=names, ticktext=labels, showgrid=False)
    return figure


def what_to_see(layers: Sequence[LayerReport]) -> str:
    """Return the figure's title: which layer loses most of its parameters."""
    if not layers:
        return "No layer of this network can be pruned"
    losers = [layer for layer in layers if _lost(layer) > 0]
    if not losers:
        largest = max(layers, key=lambda layer: layer.parameters.original)
        return f"Nothing is removed yet; {largest.name} is the largest layer"
    most = max(losers, key=_lost)
    gone = most.parameters.original - most.parameters.pruned
    return (
        f"{most.name} loses most: {fmt.count(gone)} of "
        f"{fmt.count(most.parameters.original)} parameters ({fmt.share(_lost(most))})"
    )


def loses_most(layers: Sequence[LayerReport], names: Sequence[str]) -> str:
    """Return which of `names` loses the largest share of its units; the first when none does.

    Units that go together are in all their layers; of equals the one that loses more weights.
    """
    lost = {
        name: (row.removed / max(row.units, 1), _lost(row)) for row in layers for name in row.layers
    }
    return max(names, key=lambda name: lost.get(name, (0.0, 0.0)))


def _lost(layer: LayerReport) -> float:
    if layer.parameters.original == 0:
        return 0.0
    return 1 - layer.parameters.pruned / layer.parameters.original
