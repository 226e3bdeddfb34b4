"""Pictures of inputs, and what networks see in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots
from torch import Tensor

from pruneviz.figures.kit.format import units_of
from pruneviz.figures.kit.pool import LIMIT, strongest
from pruneviz.figures.kit.style import (
    GRID,
    ORIGINAL,
    OVERLAY,
    PRUNED,
    SERIES,
    STRIPES,
    lay_out,
    legend_below,
    mosaic,
)

Picture = NDArray[np.uint8]
PAIR_HEIGHT = 640  # on a wide screen
PALEST, FLATTER = 240, 0.55
PALE, BOX = "rgba(255, 255, 255, 0.85)", SERIES[2]
LINE, HALO = 2.5, 5  # pixels; the halo keeps lines apart from any picture
FIRST = 0.5  # where the first pixel begins to the left of its centre, which lies at 0
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of red, green and blue
ROWS, COLUMNS = ("top", "middle", "bottom"), ("left", "middle", "right")


def picture(raw: Tensor, least: int = 0) -> Picture:
    """Return an image (C, H, W) in [0, 1] as RGB bytes (H, W, 3), at least `least` pixels high.

    Small images are enlarged by repeating pixels, so that they stay as sharp as they are.
    """
    colours = raw[:3] if len(raw) >= 3 else raw[:1].expand(3, *raw.shape[1:])
    pixels = (colours.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    step = max(1, -(-max(pixels.shape[:2]) // LIMIT))
    factor = max(1, -(-least // pixels.shape[0]))
    return pixels[::step, ::step].repeat(factor, axis=0).repeat(factor, axis=1)


def pale(raw: Tensor) -> Picture:
    """Return an image (C, H, W) in [0, 1] in grey as RGB bytes (H, W, 3), to lie under colours.

    It is paler and flatter than it is, so that colours are seen on all of it.
    """
    grey = picture(raw).astype(np.float64) @ LUMINANCE
    flat = (PALEST - FLATTER * (255 - grey)).round().astype(np.uint8)
    shown: Picture = flat[..., None].repeat(3, axis=2)
    return shown


def attribution_pair(
    raw: Tensor,
    original: Tensor,
    pruned: Tensor,
    title: str,
    of: str = "logit",
    box: Sequence[float] = (),
) -> go.Figure:
    """Return both networks' attributions (H, W) over the input (C, H, W), on one symmetric scale.

    The input lies under them in grey: the more of it is seen, the less a place counts. `of` is the
    noun for what is explained, `box` what it is about where it is a part: x1, y1, x2, y2 in pixels.
    """
    figure = make_subplots(
        1, 2, subplot_titles=("original looks at", "pruned looks at"), horizontal_spacing=0.03
    )
    shown = pale(raw)
    maps = [strongest(m.double().numpy()) for m in (original, pruned)]
    limit = max(max(float(np.abs(m).max()) for m in maps), 1e-12)
    for column, (name, values) in enumerate(zip(("original", "pruned"), maps, strict=True), 1):
        figure.add_trace(
            go.Image(z=shown, hoverinfo="skip", **cells(shown.shape[:2], raw)), 1, column
        )
        figure.add_trace(
            go.Heatmap(
                z=np.float32(values),
                coloraxis="coloraxis",
                hovertemplate=f"{name}: row %{{y}}, column %{{x}}<br>%{{z:.4f}}<extra></extra>",
                **cells(values.shape, raw),
            ),
            1,
            column,
        )
        figure.add_traces(_lines(box, raw.shape[-2:]), 1, column)
    lay_out(figure, title=title, x="", y="", height=PAIR_HEIGHT)
    scale = {
        "colorscale": OVERLAY,
        "cmin": -limit,
        "cmax": limit,
        "colorbar": {
            "title": {"text": f"attribution ({units_of(of)}); the clearer the input, the less"},
            "tickvals": [-limit, 0, limit],
            "ticktext": [f"against {limit:.2g}", "0: input alone", f"for {limit:.2g}"],
        },
    }
    return mosaic(figure, scale).update_layout(showlegend=False)


def _lines(box: Sequence[float], size: Sequence[int]) -> list[go.Scatter]:
    """Return the outline of a box in an image (height, width), as far as it lies there.

    A pale halo keeps it apart from any picture.
    """
    if not box:
        return []
    ends = zip(box, (size[1], size[0]) * 2, strict=True)
    x1, y1, x2, y2 = (min(max(end, 0.0), most) - FIRST for end, most in ends)
    path = {"x": [x1, x2, x2, x1, x1], "y": [y1, y1, y2, y2, y1], "mode": "lines"}
    return [
        go.Scatter(**path, line={"color": ink, "width": width}, hoverinfo="skip", name="explained")
        for ink, width in ((PALE, HALO), (BOX, LINE))
    ]


def where(original: Tensor, pruned: Tensor, side: str = "the class") -> str:
    """Return in words where both attributions (H, W) are strongest, for who does not see them.

    `side` is what they speak for.
    """
    return (
        f"The original's attribution is {_strongest_part(original, side)}. "
        f"The pruned network's is {_strongest_part(pruned, side)}."
    )


def _strongest_part(values: Tensor, speaks_for: str) -> str:
    """Return which of nine parts of the picture has most of the attribution, and its share."""
    parts = {
        " ".join(dict.fromkeys((row, column))): block
        for row, band in zip(ROWS, values.double().tensor_split(3, 0), strict=True)
        for column, block in zip(COLUMNS, band.tensor_split(3, 1), strict=True)
    }
    name = max(parts, key=lambda part: float(parts[part].abs().sum()))
    total, part = float(values.double().abs().sum()), float(parts[name].abs().sum())
    if not total:
        return "0 everywhere"
    side = "for" if float(parts[name].sum()) > 0 else "against"
    return f"strongest in the {name}: {100 * part / total:.0f} % of it, mostly {side} {speaks_for}"


def cells(shape: tuple[int, ...], raw: Tensor) -> dict[str, float]:
    """Return where the cells of a picture (height, width) lie, in pixels of the input (C, H, W)."""
    high, wide = raw.shape[-2] / shape[0], raw.shape[-1] / shape[1]
    return {"x0": (wide - 1) / 2, "dx": wide, "y0": (high - 1) / 2, "dy": high}


def attribution_bars(
    features: tuple[str, ...],
    original: Tensor,
    pruned: Tensor,
    title: str,
    most: int = 15,
    of: str = "logit",
) -> go.Figure:
    """Return the attributions (F,) of named features as bars, the strongest `most` on top."""
    strength = original.abs().maximum(pruned.abs())
    order = strength.argsort(descending=True, stable=True)[:most]
    names = [features[i] if i < len(features) else f"feature {i}" for i in order.tolist()]
    figure = go.Figure()
    for name, values, marker in (
        ("original", original, {"color": ORIGINAL}),
        ("pruned", pruned, {"color": PRUNED, "pattern": STRIPES}),
    ):
        figure.add_bar(
            y=names,
            x=values[order].tolist(),
            name=name,
            orientation="h",
            marker=marker,
            hovertemplate=f"{name}, %{{y}}: %{{x:.3f}}<extra></extra>",
        )
    figure.update_layout(barmode="group", bargap=0.25)
    lay_out(figure, title=title, x=f"attribution ({units_of(of)})", y="", height=120 + 28 * most)
    legend_below(figure)
    figure.update_xaxes(zeroline=True, zerolinecolor=GRID)
    return figure.update_yaxes(autorange="reversed")
