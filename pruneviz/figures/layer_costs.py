"""What each layer costs: parameters and MACs of both networks, in forward order."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz.figures.architecture import AXIS_HEIGHT, LEGEND_HEIGHT, name_rows
from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.style import ORIGINAL, PRUNED, lay_out
from pruneviz.measure.by_layer import LayerCost
from pruneviz.report import Amount

PALE = 0.35


def costs(rows: Sequence[LayerCost], chosen: str = "") -> go.Figure:
    """Return parameters and MACs by layer, both networks', in forward order.

    The text beside a bar is the layer's share of the original's. Each bar's first `customdata` is
    the layer's name, so that a click can choose it.
    """
    figure = go.Figure()
    _pair(figure, rows, [row.parameters for row in rows], "parameters", "x")
    _pair(figure, rows, [row.macs for row in rows], "MACs", "x2")
    lay_out(figure, title=what_to_see(rows), x="", y="Layer, in forward order")
    figure.update_layout(
        barmode="overlay",
        xaxis={"domain": [0, 0.48], "title": {"text": "Parameters (count)"}},
        xaxis2={"domain": [0.52, 1], "title": {"text": "MACs of one input (count)"}},
    )
    for axis, amounts in (("xaxis", "parameters"), ("xaxis2", "macs")):
        most = max((getattr(row, amounts).original for row in rows), default=0)
        figure.layout[axis].update(range=[0, 1.25 * max(most, 1)], tickformat="~s", nticks=5)
    name_rows(figure, rows, chosen, LEGEND_HEIGHT)
    below_title = 1 - (figure.layout.margin.t - AXIS_HEIGHT) / figure.layout.height
    figure.update_layout(legend={"yref": "container", "y": below_title, "yanchor": "bottom"})
    return figure


def what_to_see(rows: Sequence[LayerCost]) -> str:
    """Return the costs' title: which layer holds most, and which one computes most."""
    layers = [row for row in rows if row.width is not None]
    if not layers:
        return "This network has no layer with weights"
    held, computed = (
        max(layers, key=lambda row: getattr(row, what).original) for what in ("parameters", "macs")
    )
    parameters = fmt.share(_share(held.parameters, [row.parameters for row in rows]))
    macs = fmt.share(_share(computed.macs, [row.macs for row in rows]))
    name = html.escape(held.name)
    if held is computed:
        return f"{name} holds most: {parameters} of the parameters, {macs} of the MACs"
    return (
        f"{name} holds most: {parameters} of the parameters; "
        f"{html.escape(computed.name)} computes most: {macs} of the MACs"
    )


def _pair(
    figure: go.Figure, rows: Sequence[LayerCost], amounts: Sequence[Amount], unit: str, axis: str
) -> None:
    """Add the original's bars and, thinner on top of them, the pruned network's."""
    shares = [_share(amount, amounts) for amount in amounts]
    about = [
        [name, f"{html.escape(row.name)}: {a.pruned:,} of {a.original:,} {unit} are left"]
        for row, a in zip(rows, amounts, strict=True)
        for name in [row.name if row.width else ""]  # what is no layer cannot be chosen
    ]
    common = {
        "y": [row.name for row in rows],
        "xaxis": axis,
        "orientation": "h",
        "customdata": about,
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "showlegend": axis == "x",
    }
    figure.add_bar(
        name="original",
        x=[amount.original for amount in amounts],
        marker={"color": ORIGINAL, "opacity": PALE},
        unselected={"marker": {"opacity": PALE}},
        text=[fmt.share(share) if share >= 0.005 else "" for share in shares],
        textposition="outside",
        cliponaxis=False,
        width=0.76,
        **common,
    )
    figure.add_bar(
        name="pruned",
        x=[amount.pruned for amount in amounts],
        marker={"color": PRUNED},
        unselected={"marker": {"opacity": 1}},
        width=0.44,
        **common,
    )


def _share(amount: Amount, amounts: Sequence[Amount]) -> float:
    return amount.original / (sum(each.original for each in amounts) or 1)
