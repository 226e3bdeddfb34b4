"""A layer's sensitivity as a small curve that lies behind its slider."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence

import pandas as pd

from pruneviz.figures.kit import format as fmt

HEIGHT = 20  # as wide as high would be 100: the unit along is one percent removed
LEAST_SCALE = 0.1  # a loss of ten points reaches the top at least, so that noise stays low
LINE, AREA, BAND = "#7b8794", "rgba(123,135,148,0.14)", "rgba(123,135,148,0.42)"
QUOTED = 0.5


def scale(table: pd.DataFrame) -> float:
    """Return the loss of accuracy, a fraction, that reaches the top in every layer's curve."""
    losses = -table["change"].dropna()
    return max(LEAST_SCALE, float(losses.max())) if len(losses) else LEAST_SCALE


def spark(rows: pd.DataFrame, top: float) -> str:
    """Return one layer's points as SVG text: what it loses alone, upwards, from 0 to 100 % removed.

    `rows` has the columns sparsity, change, change_low and change_high (fractions); `top` is the
    loss at the upper edge. The 95 % interval is a paler band. Without points it is "".
    """
    known = rows.dropna(subset=["change", "change_low", "change_high"]).sort_values("sparsity")
    if known.empty:
        return ""
    x = [0.0, *(100 * known["sparsity"])]
    loss, least, most = (
        _heights([0.0, *(-known[column])], top)
        for column in ("change", "change_high", "change_low")
    )
    curve = _path(x, loss)
    area = f"{curve}L{x[-1]:.4g} {HEIGHT}L0 {HEIGHT}Z"
    band = _path(x, most) + _path(x[::-1], least[::-1]).replace("M", "L", 1) + "Z"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 {HEIGHT}" '
        'preserveAspectRatio="none">'
        f'<path d="{band}" fill="{BAND}"/><path d="{area}" fill="{AREA}"/>'
        f'<path d="{curve}" fill="none" stroke="{LINE}" stroke-width="1.5" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )


def data_uri(svg: str) -> str:
    """Return an SVG as an address that a style sheet can hold: letters and digits alone."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def sentence(rows: pd.DataFrame) -> str:
    """Return the curve in words: `At 50 % alone: −1.3 points (−2.9 to +0.2).`; "" without points.

    It is the point measured nearest to one half, with the 95 % interval of the paired change.
    """
    known = rows.dropna(subset=["change", "change_low", "change_high"])
    if known.empty:
        return ""
    place = (known["sparsity"] - QUOTED).abs().argmin()
    level, change, low, high = (
        float(known[name].iloc[place])
        for name in ("sparsity", "change", "change_low", "change_high")
    )
    spread = " to ".join(fmt.points_alone(end) for end in (low, high))
    return f"At {fmt.share(level)} alone: {fmt.points(change)} ({spread})."


def _heights(losses: Sequence[float], top: float) -> list[float]:
    """Return where losses lie from the upper edge; gains lie on the lower one."""
    return [HEIGHT * (1 - min(max(loss / top, 0.0), 1.0)) for loss in losses]


def _path(x: Sequence[float], y: Sequence[float]) -> str:
    pairs = [f"{a:.4g} {b:.4g}" for a, b in zip(x, y, strict=True) if math.isfinite(b)]
    return "M" + "L".join(pairs)
