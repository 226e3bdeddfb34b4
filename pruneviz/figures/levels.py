"""What a recovery is compared with: lines across its figure, each with its name."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz.figures.epochs import Curves, Levels
from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit.style import FAINT, ORIGINAL

TOP = 104  # percent at the upper end of the axis of fractions
ROOM = 0.08  # of what is drawn of other metrics, above and below it
WORDS = 1 / 15  # of the axis: what a line of words takes
ROUNDED = 0.01  # of that: what may overlap, as numbers are rounded


def add_levels(figure: go.Figure, levels: Levels, *, span: float) -> None:
    """Draw lines across, each with its name where it least meets the curve.

    No line goes through a name, and names keep off each other. `span` is that of the axis, on
    which values stand as they are written.
    """
    height, scale = WORDS * span, levels.metric.scale
    lines = (
        ("original", levels.original, ORIGINAL, "dot", "left", "bottom"),
        ("original, recalibrated", levels.control, ORIGINAL, "longdash", "left", "top"),
        ("before recovery", levels.before, FAINT, "dash", "right", "top"),
    )
    heights = [scale * value for value in levels.known]
    taken: dict[str, list[float]] = {"left": [], "right": []}
    for name, value, colour, dash, side, wished in lines:
        if value is None or not math.isfinite(value):
            continue
        at, edge = _free(scale * value, wished, height, heights, taken[side])
        taken[side].append(_bottom(at, edge, height))
        figure.add_hline(y=scale * value, line={"color": colour, "dash": dash, "width": 1.5})
        figure.add_annotation(
            x=0 if side == "left" else 1,
            xref="paper",
            xanchor=side,
            xshift=4 if side == "left" else -4,
            y=at,
            yanchor=edge,
            text=f"{name} {fmt.metric_value(levels.metric, value)}",
            showarrow=False,
        )


def axis_ends(curves: Curves, levels: Levels) -> tuple[float, float]:
    """Return between which values the axis of a metric lies, as they are written.

    Fractions begin at a multiple of ten percent; of others all that is drawn has its room.
    """
    rows = [row for curve in curves.values() for row in curve]
    seen = [v for v in (*(row.value for row in rows), *levels.known) if math.isfinite(v)]
    if levels.metric.unit == "fraction":
        return 10 * math.floor(10 * min(seen, default=0.0) - 0.4), TOP
    seen += [v for row in rows if (v := row.train_value) is not None and math.isfinite(v)]
    low, high = min(seen, default=0.0), max(seen, default=0.0)
    room = high - low or abs(high) or 1.0
    ends = [end for row in rows for end in row.interval or () if low - room < end < high + room]
    scale = levels.metric.scale
    return scale * (min([low, *ends]) - ROOM * room), scale * (max([high, *ends]) + ROOM * room)


def _free(
    value: float, edge: str, height: float, lines: Sequence[float], taken: Sequence[float]
) -> tuple[float, str]:
    """Return at which line, and at which edge of its words, words of `value` meet nothing.

    At their own line where there is room, and at the `edge` that is wished for if it can be.
    `taken` are the bottoms of the words that are there.
    """
    places = itertools.product(lines, ("bottom", "top"))
    for at, where in sorted(places, key=lambda place: (abs(place[0] - value), place[1] != edge)):
        bottom = _bottom(at, where, height)
        slack = ROUNDED * height
        crossed = any(bottom + slack < line < bottom + height - slack for line in lines)
        if not crossed and all(abs(bottom - other) > height - slack for other in taken):
            return at, where
    raise AssertionError("above all lines and below all of them there is room")


def _bottom(at: float, edge: str, height: float) -> float:
    return at if edge == "bottom" else at - height
