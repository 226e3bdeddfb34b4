"""Layer by layer: what stays and what goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.style import PRUNED, REMOVED, lay_out
from pruneviz.report import LayerReport

ROW_HEIGHT, LOW_ROW_HEIGHT = 34, 24
MANY_ROWS = 16  # more are drawn lower
MOST_GROUPS = 20  # bars of groups; the smaller ones are one bar
FRAME_HEIGHT = 150
MOST_LETTERS = 30  # of a bar's name
IMPOSSIBLE = "Nothing is removed: the plan cannot be carried out"
Groups = Mapping[str, Sequence[str]]  # a group's name → its layers


@dataclass(frozen=True)
class Bar:
    """A layer, or several as one sum; `layer` is what a click on it chooses, `key` its place."""

    key: str
    label: str
    layer: str
    kept: int
    removed: int

    @property
    def lost(self) -> str:
        """Return the share of its parameters that goes, "" for none."""
        if not self.removed:
            return ""
        return f"{fmt.MINUS}{fmt.share(self.removed / (self.kept + self.removed))}"


def kept_and_removed(
    layers: Sequence[LayerReport],
    chosen: str = "",
    *,
    others: Groups | None = None,
    possible: bool = True,
) -> go.Figure:
    """Return one bar a layer: parameters that stay and parameters that go, in forward order.

    The layers of each group of `others` are one bar. `possible` is False while the plan cannot be
    carried out and the layers are shown whole.

    Each bar's `customdata` is a layer's name, so that a click can choose it.
    """
    bars = _bars(layers, chosen, others or {})
    places = [bar.key for bar in bars]
    clicked = [bar.layer for bar in bars]
    figure = go.Figure()
    figure.add_bar(
        name="stays",
        y=places,
        x=[bar.kept for bar in bars],
        orientation="h",
        customdata=clicked,
        marker={"color": PRUNED},
        hovertemplate="%{y}: %{x:,} parameters stay<extra></extra>",
    )
    figure.add_bar(
        name="goes",
        y=places,
        x=[bar.removed for bar in bars],
        orientation="h",
        customdata=clicked,
        marker={"color": REMOVED, "pattern": {"shape": "/", "fgcolor": "#8a929c", "size": 6}},
        text=[bar.lost for bar in bars],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:,} parameters go<extra></extra>",
    )
    widest = max((bar.kept + bar.removed for bar in bars), default=1)
    labels = [bar.label for bar in bars]
    row = ROW_HEIGHT if len(bars) <= MANY_ROWS else LOW_ROW_HEIGHT
    lay_out(
        figure,
        title=what_to_see(layers) if possible else IMPOSSIBLE,
        x="Parameters (count)",
        y="Layer, or group of layers" if others else "Layer",
        height=FRAME_HEIGHT + row * max(len(bars), 3),
        layout={"barmode": "stack", "bargap": 0.35, "legend": {"traceorder": "normal"}},
        xaxis={"range": [0, widest * 1.14]},
        yaxis={"autorange": "reversed", "tickvals": places, "ticktext": labels, "showgrid": False},
    )
    return figure


def _bars(layers: Sequence[LayerReport], chosen: str, others: Groups) -> list[Bar]:
    """Return a bar for each layer, and one for each group in the place of its first layer."""
    rows = {layer.name: layer for layer in layers}
    summed = {
        name: [rows[layer] for layer in members if layer in rows]
        for name, members in others.items()
    }
    largest = sorted(summed, key=lambda name: -_parameters(summed[name]))
    alone, together = largest[:MOST_GROUPS], largest[MOST_GROUPS:]
    groups = {name: (_shown(name), own) for name, own in summed.items() if name in alone}
    if together:
        own = [layer for name in summed if name in together for layer in summed[name]]
        groups["the smaller groups"] = (f"{len(together)} smaller groups", own)
    inside = {layer.name: name for name, (_, own) in groups.items() for layer in own}
    found: dict[str, Bar] = {}
    for layer in layers:
        group = inside.get(layer.name)
        if group is None:
            label = _shown(layer.name)
            bold = f"<b>{label}</b>" if layer.name == chosen else label
            found[layer.name] = _bar(layer.name, bold, [layer])
        else:
            key = f"{group} ({fmt.plural(len(groups[group][1]), 'layer')})"
            if key not in found:
                found[key] = _bar(key, f"<i>{groups[group][0]}</i> ▸", groups[group][1])
    return list(found.values())


def _bar(key: str, label: str, layers: Sequence[LayerReport]) -> Bar:
    kept = sum(layer.parameters.pruned for layer in layers)
    return Bar(key, label, layers[0].name, kept, _parameters(layers) - kept)


def _parameters(layers: Sequence[LayerReport]) -> int:
    return sum(layer.parameters.original for layer in layers)


def _shown(name: str) -> str:
    """Return a name that leaves room for its bar: of a long one, its end."""
    return name if len(name) <= MOST_LETTERS else f"…{name[1 - MOST_LETTERS :]}"


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
