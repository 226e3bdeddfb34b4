"""Sensitivity: what accuracy is left when one layer alone is pruned, level by level."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from pruneviz.figures import format as fmt
from pruneviz.figures.style import DASHES, FAINT, ORIGINAL, PRUNED, SERIES, SYMBOLS, lay_out

QUOTED_LEVEL = 0.7


@dataclass(frozen=True)
class Loss:
    """How much accuracy (a fraction) the network loses with one layer pruned to `sparsity`."""

    layer: str
    sparsity: float
    loss: float


def most_sensitive(table: pd.DataFrame, original: float) -> Loss | None:
    """Return the layer that costs most accuracy, at 70 % or the largest level all layers have.

    `table` has the columns layer, sparsity, accuracy; `original` is the accuracy unpruned.
    """
    at_level = _at_common_level(table)
    if at_level.empty:
        return None
    worst = at_level.sort_values("accuracy", kind="stable").iloc[0]
    return Loss(str(worst["layer"]), float(worst["sparsity"]), original - float(worst["accuracy"]))


def what_to_see(table: pd.DataFrame, original: float, chosen: str = "") -> str:
    """Return the figure's title: which layer loses most, in points, at which level.

    Of a `chosen` layer it says first what that one loses.
    """
    worst = most_sensitive(table, original)
    if worst is None:
        return "What each layer can lose: the first points are being measured"
    lost = fmt.plural(round(100 * worst.loss), "point")
    at_level = _at_common_level(table)
    own = at_level.loc[at_level["layer"] == chosen, "accuracy"]
    if len(own) and chosen != worst.layer:
        loss = max(0, round(100 * (original - float(own.iloc[0]))))
        its = f"{chosen} loses {fmt.plural(loss, 'point')} at {fmt.share(worst.sparsity)}"
        return f"{its}; {worst.layer} loses most, {lost}" if worst.loss >= 0.005 else its
    if worst.loss < 0.005:
        return f"No layer loses a whole point, each pruned alone to {fmt.share(worst.sparsity)}"
    return f"At {fmt.share(worst.sparsity)}, {worst.layer} loses most: {lost}"


def sensitivity(table: pd.DataFrame, original: float, chosen: str = "") -> go.Figure:
    """Return one curve a layer; the chosen one (else the most sensitive) stands out with its 95 %
    interval, the original's accuracy is a line across.

    Every point's `customdata` is its layer's name, so that a click can choose it.
    """
    worst = most_sensitive(table, original)
    leading = chosen if chosen in set(table["layer"]) else (worst.layer if worst else "")
    figure = go.Figure()
    coloured = set(_ranked(table)[: len(SERIES)])
    for index, (name, rows) in enumerate(table.groupby("layer", sort=False)):
        _curve(figure, str(name), rows, original, index, name == leading, name in coloured)
    figure.add_hline(y=100 * original, line={"color": ORIGINAL, "dash": "dot", "width": 1.5})
    figure.add_annotation(
        x=1,
        xref="paper",
        xanchor="right",
        y=100 * original,
        yanchor="bottom",
        text=f"original {fmt.percent(original)}",
        showarrow=False,
    )
    lay_out(
        figure,
        title=what_to_see(table, original, chosen),
        x="Units removed from this layer alone (%)",
        y="Accuracy (%)",
        height=460,
    )
    figure.update_xaxes(range=[0, 92], dtick=10)
    figure.update_yaxes(range=[0, 104])
    return figure


def _curve(
    figure: go.Figure,
    name: str,
    rows: pd.DataFrame,
    original: float,
    index: int,
    leads: bool,
    coloured: bool,
) -> None:
    x = [0.0, *(100 * rows["sparsity"])]
    y = [100 * original, *(100 * rows["accuracy"])]
    colour = PRUNED if leads else SERIES[index % len(SERIES)] if coloured else FAINT
    if leads:
        _band(figure, rows)
    figure.add_scatter(
        x=x,
        y=y,
        name=name,
        customdata=[name] * len(x),
        mode="lines+markers",
        showlegend=leads or coloured,
        line={
            "color": colour,
            "width": 4 if leads else 1.8,
            "dash": "solid" if leads else DASHES[index % len(DASHES)],
        },
        marker={"symbol": SYMBOLS[index % len(SYMBOLS)], "size": 9 if leads else 6},
        hovertemplate=f"{name}: %{{y:.1f}} % at %{{x:.0f}} %<extra></extra>",
    )


def _band(figure: go.Figure, rows: pd.DataFrame) -> None:
    """Draw the 95 % interval of the leading layer's points as a pale band."""
    x = [*(100 * rows["sparsity"]), *reversed(list(100 * rows["sparsity"]))]
    y = [*(100 * rows["high"]), *reversed(list(100 * rows["low"]))]
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        fill="toself",
        fillcolor="rgba(213, 94, 0, 0.16)",
        line={"width": 0},
        hoverinfo="skip",
        name="95 % interval",
        legendrank=2000,  # after the layers
        showlegend=True,
    )


def _ranked(table: pd.DataFrame) -> list[str]:
    """Return the layers, the one with the lowest mean accuracy first."""
    return [str(name) for name in table.groupby("layer")["accuracy"].mean().sort_values().index]


def _at_common_level(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a layer at the level to quote, from the layers that are measured there."""
    levels = sorted(set(table["sparsity"]))
    if not levels:
        return table
    level = min(levels, key=lambda value: abs(value - QUOTED_LEVEL))
    chosen: pd.DataFrame = table.loc[table["sparsity"] == level]
    return chosen
