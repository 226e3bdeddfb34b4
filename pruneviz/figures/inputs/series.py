"""Pictures of series: one line a channel, and what networks see along them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots
from torch import Tensor

from pruneviz.figures.kit.format import plural, units_of
from pruneviz.figures.kit.pool import LIMIT, Matrix, strongest
from pruneviz.figures.kit.style import INK, OVERLAY, SERIES, SUBTITLE, lay_out

MOST = 6  # channels in one figure
SIDE = 144  # of a small picture
ROW, ROOM = 110, 48  # pixels of a channel, and of the steps' numbers under all
THIRDS = ("the first third", "the middle third", "the last third")


def small(raw: Tensor) -> str:
    """Return a series (C, steps) as SVG text: its channels one below the other, each as a line."""
    shown = raw[:MOST].double().numpy()
    high = SIDE / len(shown)
    lines = []
    for place, values in enumerate(shown):
        _, y = _thin(values, SIDE)
        low, span = y.min(), max(float(np.ptp(y)), 1e-12)
        heights = high * (place + 0.9 - 0.8 * (y - low) / span)
        across = np.linspace(2, SIDE - 2, len(y))
        points = " ".join(f"{a:.4g},{b:.4g}" for a, b in zip(across, heights, strict=True))
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{SERIES[place]}" stroke-width="1.5"/>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" '
        f'viewBox="0 0 {SIDE} {SIDE}">{"".join(lines)}</svg>'
    )


def attribution_lines(
    raw: Tensor,
    original: Tensor,
    pruned: Tensor,
    title: str,
    names: Sequence[str] = (),
    of: str = "logit",
) -> go.Figure:
    """Return both networks' attributions under the lines of a series, all (C, steps).

    Each channel is a row, in the units it was recorded in; at most those that have most of the
    attribution. One symmetric colour scale holds for all.
    """
    channels = strongest_channels(original, pruned)
    figure = make_subplots(
        len(channels),
        2,
        shared_xaxes="all",
        shared_yaxes="rows",
        horizontal_spacing=0.03,
        vertical_spacing=0.12 / len(channels),
        subplot_titles=("original looks at", "pruned looks at"),
    )
    limit = max(float(original.abs().max()), float(pruned.abs().max()), 1e-12)
    for row, channel in enumerate(channels, 1):
        name = channel_name(channel, names)
        for column, (who, values) in enumerate((("original", original), ("pruned", pruned)), 1):
            line = raw[channel].double().numpy()
            figure.add_trace(_band(who, name, values[channel], line), row, column)
            figure.add_trace(_line(name, line), row, column)
    lay_out(figure, title=title, x="", y="")
    figure.update_xaxes(showgrid=False)
    for row, channel in enumerate(channels, 1):
        figure.update_yaxes(title_text=channel_name(channel, names), row=row, col=1)
    figure.update_xaxes(title_text="step", row=len(channels))
    top = figure.layout.margin.t + SUBTITLE
    return figure.update_layout(
        showlegend=False,
        height=top + ROOM + ROW * len(channels),
        margin_t=top,
        coloraxis={
            "colorscale": OVERLAY,
            "cmin": -limit,
            "cmax": limit,
            "colorbar": {
                "thickness": 10,
                "title": {"text": f"attribution<br>({units_of(of)})"},
                "tickvals": [-limit, 0, limit],
                "ticktext": [f"against {limit:.2g}", "0", f"for {limit:.2g}"],
            },
        },
    )


def channel_name(channel: int, names: Sequence[str]) -> str:
    """Return what a channel is called."""
    return names[channel] if channel < len(names) else f"channel {channel}"


def strongest_channels(original: Tensor, pruned: Tensor) -> list[int]:
    """Return the channels with the most attribution (C, steps) of both, ascending."""
    strength = (original.abs() + pruned.abs()).double().sum(1)
    return sorted(strength.argsort(descending=True, stable=True)[:MOST].tolist())


def where(
    original: Tensor, pruned: Tensor, names: Sequence[str] = (), side: str = "the class"
) -> str:
    """Return in words where both attributions (C, steps) are strongest, and which are shown.

    `side` is what they speak for.
    """
    shown, total = len(strongest_channels(original, pruned)), len(original)
    left = "" if shown == total else (
        f" Shown: the {plural(shown, 'channel')} of {total} with the most."
    )  # fmt: skip
    return (
        f"The original's attribution is {_strongest_part(original, names, side)}. "
        f"The pruned network's is {_strongest_part(pruned, names, side)}.{left}"
    )


def _strongest_part(values: Tensor, names: Sequence[str], speaks_for: str) -> str:
    """Return in which channel and third of its steps most of the attribution is, and its share."""
    total = float(values.double().abs().sum())
    if not total:
        return "0 everywhere"
    parts = {
        (channel, third): block
        for channel, line in enumerate(values.double())
        for third, block in zip(THIRDS, line.tensor_split(3), strict=True)
    }
    channel, third = max(parts, key=lambda part: float(parts[part].abs().sum()))
    block = parts[channel, third]
    side = "for" if float(block.sum()) > 0 else "against"
    share = 100 * float(block.abs().sum()) / total
    where = f"{channel_name(channel, names)}, {third}"
    return f"strongest in {where}: {share:.0f} % of it, mostly {side} {speaks_for}"


def _band(who: str, name: str, values: Tensor, line: NDArray[np.float64]) -> go.Heatmap:
    """Return the attribution of one channel (steps,) as colours behind its line."""
    cells = strongest(values.double().numpy()[None])
    low, high = float(line.min()), float(line.max())
    high = high if high > low else low + 1.0
    wide = len(line) / cells.shape[1]
    return go.Heatmap(
        z=np.float32(cells),
        coloraxis="coloraxis",
        x0=(wide - 1) / 2,
        dx=wide,
        y0=(low + high) / 2,
        dy=1.1 * (high - low),
        hovertemplate=f"{who}, {name}, step %{{x:.0f}}<br>attribution %{{z:.4f}}<extra></extra>",
    )


def _line(name: str, values: NDArray[np.float64]) -> go.Scatter:
    steps, thin = _thin(values, LIMIT)
    return go.Scatter(
        x=steps,
        y=thin,
        mode="lines",
        line={"color": INK, "width": 1.5},
        hovertemplate=f"{name}, step %{{x}}: %{{y:.4g}}<extra></extra>",
    )


def _thin(values: NDArray[np.float64], most: int) -> tuple[NDArray[np.int64], Matrix]:
    """Return at most about 2 × `most` steps and their values: of each stretch, least and most."""
    if len(values) <= 2 * most:
        return np.arange(len(values)), values
    kept: list[int] = []
    for stretch in np.array_split(np.arange(len(values)), most):
        ends = {stretch[values[stretch].argmin()], stretch[values[stretch].argmax()]}
        kept.extend(sorted(int(end) for end in ends))
    steps = np.array(kept)
    return steps, values[steps]
