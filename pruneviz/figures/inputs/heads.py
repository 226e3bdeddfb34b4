"""Heads of attention as small pictures, the original's above the pruned network's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from torch import Tensor

from pruneviz.figures.inputs.tokens import seen
from pruneviz.figures.kit.format import percent, plural
from pruneviz.figures.kit.style import AXES, FAINT, INK, REMOVED, SCALE, lay_out

ACROSS, PAGE = 4, 8  # heads in a row, and in a figure
MOST_TOKENS = 64  # of a side of a picture
PICTURE = 260  # pixels of a picture with its name, on a wide screen
NETWORKS = ("original", "pruned")
# One hue whose density grows with the root, so that small shares are seen; on either page.
STEPS = (0.0, 0.01, 0.04, 0.09, 0.16, 0.25, 0.36, 0.49, 0.64, 0.81, 1.0)
SHARES = [[at, f"rgba(138, 99, 184, {0.06 + 0.94 * at**0.5:.2f})"] for at in STEPS]
GONE = {"shape": "x", "fillmode": "overlay", "fgcolor": FAINT, "size": 10, "solidity": 0.15}


def head_pictures(
    pieces: Sequence[str],
    original: Tensor,
    pruned: Sequence[Tensor | None],
    numbers: Sequence[int],
    title: str,
) -> go.Figure:
    """Return two pictures a head, tokens × tokens: what each token (a row) looks at.

    `original` is (heads, tokens, tokens), `pruned` has None for a head that is removed, `numbers`
    are what heads are called. What has exactly no weight, as what is masked, stays blank.
    """
    across = min(ACROSS, max(1, len(numbers)))
    bands = -(-len(numbers) // across)
    names = [_names(numbers[at * across : (at + 1) * across], across) for at in range(bands)]
    figure = make_subplots(
        2 * bands, across, subplot_titles=[name for band in names for name in band],
        horizontal_spacing=0.02, vertical_spacing=0.2 / (2 * bands),
    )  # fmt: skip
    labels = [f"{at}: {seen(piece)}" for at, piece in enumerate(pieces)]
    for at, number in enumerate(numbers):
        row, column = 2 * (at // across) + 1, at % across + 1
        _draw(figure, original[at], labels, f"original, head {number}", row, column)
        _draw(figure, pruned[at], labels, f"pruned, head {number}", row + 1, column)
    height = PICTURE * 2 * bands + SCALE
    lay_out(figure, title=title, x="", y="", height=height)
    figure.update_annotations(font={"size": 12})
    hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "constrain": "domain"}
    figure.update_xaxes(type="category", categoryarray=labels, categoryorder="array", **hidden)
    figure.update_yaxes(
        type="category", categoryarray=labels, categoryorder="array",
        range=[len(labels) - 0.5, -0.5], **hidden,
    )  # fmt: skip
    figure.update_xaxes(range=[-0.5, len(labels) - 0.5])
    for column in range(1, across + 1):
        figure.update_xaxes(title_text="token looked at", row=2 * bands, col=column)
    for row in range(1, 2 * bands + 1):
        figure.update_yaxes(title_text="token that looks", row=row, col=1)
    font = {"color": AXES, "size": 11}
    figure.update_xaxes(title_font=font, title_standoff=4)
    figure.update_yaxes(title_font=font, title_standoff=4)
    return figure.update_layout(margin={"t": figure.layout.margin.t + 16}, coloraxis=_scale())


def _scale() -> dict[str, Any]:
    bar = {
        "title": {"text": "share of a token's attention", "side": "top"}, "orientation": "h",
        "thickness": 10, "len": 0.6, "y": 0, "yanchor": "top", "ypad": 34, "tickformat": ".0%",
    }  # fmt: skip
    return {"colorscale": SHARES, "cmin": 0, "cmax": 1, "colorbar": bar}


def _names(numbers: Sequence[int], across: int) -> list[str]:
    """Return the names of a band's pictures, the original's row and the pruned network's."""
    empty = [""] * (across - len(numbers))
    return [
        name for which in NETWORKS
        for name in ([f"{which}, head {number}" for number in numbers] + empty)
    ]  # fmt: skip


def _draw(
    figure: go.Figure, weights: Tensor | None, labels: list[str], name: str, row: int, column: int
) -> None:
    """Draw a head's weights; one that is removed as a hatched square that says so."""
    if weights is None:
        first, last, middle = labels[0], labels[-1], labels[len(labels) // 2]
        square = go.Scatter(
            x=[first, last, last, first], y=[first, first, last, last], mode="lines",
            line={"width": 1, "color": REMOVED}, fill="toself", fillcolor="rgba(0,0,0,0)",
            fillpattern=GONE, name=f"{name}: removed", hoverinfo="name", showlegend=False,
        )  # fmt: skip
        said = go.Scatter(
            x=[middle], y=[middle], mode="text", text=["<b>removed</b>"],
            textfont={"color": INK, "size": 13}, hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        figure.add_traces([square, said], rows=[row, row], cols=[column, column])
        return
    shown = np.round(weights.double().numpy(), 4)
    shown[weights.numpy() == 0] = np.nan
    heat = go.Heatmap(
        z=np.float32(shown), x=labels, y=labels, coloraxis="coloraxis", hoverongaps=False,
        hovertemplate=f"{name}<br>%{{y}} looks at<br>%{{x}}: %{{z:.1%}}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(heat, row, column)


def what_to_see(path: str, left: Tensor, moved: Tensor) -> str:
    """Return how many heads go, and which of those that stay moved most of its attention.

    `left` is bool (heads,), `moved` (heads,) the share that each moved, of no matter what size
    where a head goes.
    """
    gone, total = int((~left).sum()), len(left)
    if gone == total:
        return f"{path}: the plan removes it whole, all {plural(total, 'head')}"
    head = int(moved.masked_fill(~left, -1).argmax())
    share = float(moved[head])
    what = f"all {total} heads stay" if not gone else f"{gone} of {total} heads are removed"
    if share < 5e-4:
        return f"{path}: {what}, and those that stay look where they looked"
    return f"{path}: {what}; head {head} moved most of its attention, {percent(share)}"
