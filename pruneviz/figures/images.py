"""Pictures of inputs, and what networks see in them."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots
from torch import Tensor

from pruneviz.figures.pool import LIMIT, strongest
from pruneviz.figures.style import DIVERGING, GRID, ORIGINAL, PRUNED, STRIPES, lay_out, mosaic

Picture = NDArray[np.uint8]
PAIR_HEIGHT = 440  # on a wide screen


def picture(raw: Tensor, least: int = 0) -> Picture:
    """Return an image (C, H, W) in [0, 1] as RGB bytes (H, W, 3), at least `least` pixels high.

    Small images are enlarged by repeating pixels, so that they stay as sharp as they are.
    """
    colours = raw[:3] if len(raw) >= 3 else raw[:1].expand(3, *raw.shape[1:])
    pixels = (colours.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    step = max(1, -(-max(pixels.shape[:2]) // LIMIT))
    factor = max(1, -(-least // pixels.shape[0]))
    return pixels[::step, ::step].repeat(factor, axis=0).repeat(factor, axis=1)


def attribution_pair(raw: Tensor, original: Tensor, pruned: Tensor, title: str) -> go.Figure:
    """Return the input (C, H, W) and both networks' attributions (H, W) on one symmetric scale."""
    names = ("input", "original looks at", "pruned looks at")
    figure = make_subplots(1, 3, subplot_titles=names, horizontal_spacing=0.03)
    figure.add_trace(go.Image(z=picture(raw), hoverinfo="skip"), 1, 1)
    maps = [strongest(m.double().numpy()) for m in (original, pruned)]
    limit = max(max(float(np.abs(m).max()) for m in maps), 1e-12)
    for column, (name, values) in enumerate(zip(("original", "pruned"), maps, strict=True), 2):
        figure.add_trace(
            go.Heatmap(
                z=np.float32(values),
                coloraxis="coloraxis",
                hovertemplate=f"{name}: row %{{y}}, column %{{x}}<br>%{{z:.4f}}<extra></extra>",
            ),
            1,
            column,
        )
    lay_out(figure, title=title, x="", y="", height=PAIR_HEIGHT)
    scale = {
        "colorscale": DIVERGING,
        "cmin": -limit,
        "cmax": limit,
        "colorbar": {
            "title": {"text": "attribution (logit units)"},
            "tickvals": [-limit, 0, limit],
            "ticktext": [f"against {limit:.2g}", "0", f"for {limit:.2g}"],
        },
    }
    return mosaic(figure, scale)


def attribution_bars(
    features: tuple[str, ...], original: Tensor, pruned: Tensor, title: str, most: int = 15
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
    lay_out(figure, title=title, x="attribution (logit units)", y="", height=120 + 28 * most)
    figure.update_xaxes(zeroline=True, zerolinecolor=GRID)
    return figure.update_yaxes(autorange="reversed")
