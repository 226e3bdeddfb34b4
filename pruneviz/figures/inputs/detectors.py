"""What the channels of a layer show, original and pruned side by side under the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor

from pruneviz.figures.kit.format import units_of
from pruneviz.figures.kit.pool import LIMIT, Matrix, strongest
from pruneviz.figures.kit.style import (
    DIVERGING,
    ORIGINAL,
    PRUNED,
    REMOVED,
    STRIPES,
    lay_out,
    mosaic,
)

MOST = 64  # channels in one figure
NETWORKS = ("original", "pruned")
GRID_HEIGHT = 560  # on a wide screen
TRACK, TRACK_ROOM = 12, 150  # pixels of a channel's row, and of what is around all


def choose(importance: Tensor, most: int = MOST) -> list[int]:
    """Return the channels to show, ascending: those that matter most for the original's answer."""
    order = importance.abs().argsort(descending=True, stable=True)[:most]
    return sorted(order.tolist())


@dataclass(frozen=True)
class Channels:
    """What a layer's channels put out on one input, (channels, h, w) or (channels, steps).

    `keep` is bool (channels,), `importance` (channels,) of the original and of the pruned network.
    `of` is the noun for what is explained, `side` what channels speak for.
    """

    layer: str
    original: Tensor
    pruned: Tensor
    keep: Tensor
    importance: tuple[Tensor, Tensor]
    of: str = "logit"
    side: str = "the class"

    def title(self, shown: int) -> str:
        """Return how many channels stay, and how many of them all are shown."""
        stay, total = int(self.keep.sum()), len(self.keep)
        what = f"all {total} channels stay" if stay == total else f"{stay} of {total} channels stay"
        return f"{self.layer}: {what}" + (
            f"; the {shown} that matter most" if shown < total else ""
        )

    def draw(self, figure: go.Figure, shown: list[int], across: int, limit: int) -> dict[str, Any]:
        """Draw both networks' channels side by side, so many in a row; return the axis of colour.

        A channel is pooled to `limit` numbers a side; removed ones are pale.
        """
        most = 1e-12
        for column, maps in enumerate((self.original, self.pruned), 1):
            most = max(most, float(maps[shown].abs().max()))
            gone = [column == 2 and not bool(self.keep[c]) for c in shown]
            rows = [m[None] if m.dim() == 1 else m for m in maps[shown].double()]
            tiles = [strongest(row.numpy(), limit) for row in rows]
            labels = _labels(shown, self.importance[column - 1], gone, self.side)
            _mosaic(figure, column, tiles, gone, labels, across)
        bar = {"title": {"text": "activation"}}
        return {"colorscale": DIVERGING, "cmin": -most, "cmax": most, "colorbar": bar}


def grid(channels: Channels, most: int = MOST) -> go.Figure:
    """Return the maps (channels, h, w) of both networks as two mosaics; removed ones are pale."""
    shown = choose(channels.importance[0], most)
    across = ceil(sqrt(len(shown)))
    figure = make_subplots(1, 2, subplot_titles=NETWORKS, horizontal_spacing=0.04)
    scale = channels.draw(figure, shown, across, max(4, LIMIT // across - 1))
    lay_out(figure, title=channels.title(len(shown)), x="", y="", height=GRID_HEIGHT)
    return mosaic(figure, scale)


def tracks(channels: Channels, most: int = MOST, along: str = "step") -> go.Figure:
    """Return the outputs (channels, steps) of both networks, a row a channel; removed are pale.

    `along` is what the steps are called.
    """
    shown = choose(channels.importance[0], most)
    figure = make_subplots(
        1, 2, subplot_titles=NETWORKS, horizontal_spacing=0.04, shared_yaxes=True
    )
    scale = channels.draw(figure, shown, 1, LIMIT)
    scale["colorbar"]["thickness"] = 10
    lay_out(
        figure,
        title=channels.title(len(shown)),
        x=along,
        y="channel (original number)",
        height=TRACK_ROOM + TRACK * len(shown),
    )
    places = [2 * place for place in range(len(shown))]  # an empty line parts them
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_yaxes(tickvals=places, ticktext=[str(c) for c in shown], col=1)
    figure.update_yaxes(title_text="", col=2)
    return figure.update_layout(coloraxis=scale)


def bars(channels: Channels, target: str, most: int = 40) -> go.Figure:
    """Return how much each channel does for `target`, both networks, by original number."""
    keep, importance = channels.keep, channels.importance
    shown = choose(importance[0], most)
    stay, gone = ([c for c in shown if bool(keep[c]) is here] for here in (True, False))
    figure = go.Figure()
    for name, values, numbers, marker in (
        ("original, stays", importance[0], stay, {"color": ORIGINAL}),
        ("original, removed", importance[0], gone, {"color": REMOVED}),
        ("pruned", importance[1], stay, {"color": PRUNED, "pattern": STRIPES}),
    ):
        figure.add_bar(
            x=[str(c) for c in numbers],
            y=values[numbers].tolist(),
            name=name,
            offsetgroup=name.split(",")[0],
            marker=marker,
            hovertemplate=f"{name}, channel %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.2)
    lay_out(
        figure,
        title=_verdict(channels, target),
        x="channel (original number)",
        y=f"activation × gradient ({units_of(channels.of)})",
    )
    order = [str(c) for c in shown]
    return figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)


def _verdict(channels: Channels, target: str) -> str:
    importance = channels.importance[0]
    most = int(importance.abs().argmax())
    side = "for" if float(importance[most]) > 0 else "against"
    fate = "stays" if bool(channels.keep[most]) else "is removed"
    return f"{channels.layer}: channel {most} matters most, speaks {side} “{target}” and {fate}"


def _labels(shown: list[int], importance: Tensor, gone: list[bool], side: str) -> list[str]:
    does = [_for_or_against(value, side) for value in importance.tolist()]
    return [
        f"channel {c}: {'removed' if lost else does[c]}"
        for c, lost in zip(shown, gone, strict=True)
    ]


def _for_or_against(importance: float, what: str) -> str:
    """Return what a channel does: `speaks for the class by 0.123`."""
    side = "for" if importance > 0 else "against"
    return f"speaks {side} {what} by {abs(importance):.3f}" if importance else "does nothing"


def _mosaic(
    figure: go.Figure,
    column: int,
    tiles: list[Matrix],
    gone: list[bool],
    labels: list[str],
    across: int,
) -> None:
    """Draw tiles row by row with one empty line between; removed ones as flat pale squares."""
    height, width = tiles[0].shape
    rows = ceil(len(tiles) / across)
    canvas = np.full((rows * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    pale, text = canvas.copy(), np.full(canvas.shape, "", dtype=object)
    for i, (tile, lost, label) in enumerate(zip(tiles, gone, labels, strict=True)):
        top, left = (i // across) * (height + 1), (i % across) * (width + 1)
        place = np.s_[top : top + height, left : left + width]
        (pale if lost else canvas)[place] = 1.0 if lost else tile
        text[place] = label
    hover = "%{text}<br>activation %{z:.3f}<extra></extra>"
    for values, extra in (
        (canvas, {"coloraxis": "coloraxis", "hovertemplate": hover}),
        (pale, {"colorscale": [[0, REMOVED], [1, REMOVED]], "showscale": False,
                "hovertemplate": "%{text}<extra></extra>"}),
    ):  # fmt: skip
        if not np.isnan(values).all():
            heat = go.Heatmap(z=np.float32(values), text=text, hoverongaps=False, **extra)
            figure.add_trace(heat, 1, column)
