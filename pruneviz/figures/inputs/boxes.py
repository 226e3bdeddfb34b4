"""Boxes on an image: those that are true, and those that a network answers with."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from torch import Tensor

from pruneviz.compare.boxes import Found
from pruneviz.figures.inputs.images import FIRST, HALO, LINE, PALE, cells, picture
from pruneviz.figures.kit.format import percent
from pruneviz.figures.kit.style import INK, SERIES, lay_out, squares

TRUE = SERIES[0]
SOLID, DASHED, DOTTED = "solid", "9px,5px", "2px,4px"  # right, wrong, missed
MOST_NAMES = 6  # of boxes of one kind in a picture, those of the highest scores; more hide it
WIDTH, HIGHEST = 350, 1.5  # pixels of a picture on a wide screen; height to width at most
TOP, SIDE = 0.08, 0.6  # of an image: less is no room for a name; from here names end with a box


def true_boxes(raw: Tensor, true: Tensor, classes: Sequence[str]) -> go.Figure:
    """Return an image (C, H, W) with its true boxes (k, 5)."""
    drawn = _Drawn((raw.shape[-2], raw.shape[-1]), classes)
    drawn.add(true, TRUE, SOLID, "")
    return _on(raw, drawn, f"The truth: {len(true):,} {'box' if len(true) == 1 else 'boxes'}")


def answered_boxes(
    raw: Tensor, found: Found, classes: Sequence[str], who: str, colour: str
) -> go.Figure:
    """Return an image (C, H, W) with the boxes that a network, `who`, finds and misses.

    Lines are solid around what is right, dashed around what is wrong and dotted around what is
    missed, and names say so too: of many boxes of one kind only some are named.
    """
    drawn = _Drawn((raw.shape[-2], raw.shape[-1]), classes)
    drawn.add(found.wrong, colour, DASHED, "wrong ")
    drawn.add(found.missed, TRUE, DOTTED, "missed ")
    drawn.add(found.right, colour, SOLID, "")
    right = len(found.right)
    true = right + len(found.missed)
    return _on(raw, drawn, f"The {who} finds {right} of {true}, {len(found.wrong)} wrong")


def _on(raw: Tensor, drawn: _Drawn, title: str) -> go.Figure:
    """Return an image (C, H, W) with what is drawn on it."""
    height, width = raw.shape[-2:]
    shown = picture(raw, least=WIDTH)
    figure = go.Figure(go.Image(z=shown, hoverinfo="skip", **cells(shown.shape[:2], raw)))
    figure.add_traces(drawn.lines)
    figure.layout.annotations = drawn.names
    lay_out(figure, title=title, x="", y="")
    pixels = round(WIDTH * min(height / width, HIGHEST))
    figure.update_layout(showlegend=False, height=figure.layout.margin.t + pixels)
    squares(figure)
    figure.update_xaxes(range=[-FIRST, width - FIRST])
    return figure.update_yaxes(range=[height - FIRST, -FIRST], autorange=False)


class _Drawn:
    """Boxes on pictures of one size: lines, and the names beside them."""

    def __init__(self, size: tuple[int, int], classes: Sequence[str]) -> None:
        (self._height, self._width), self._classes = size, classes
        self.lines: list[go.Scatter] = []
        self.names: list[dict[str, Any]] = []

    def add(self, boxes: Tensor, colour: str, dash: str, said: str) -> None:
        """Draw boxes, true ones (k, 5) or answered ones (k, 6), each with its class and score."""
        for number, row in enumerate(boxes.tolist()):
            name = f"{said}{self._named(row)}"
            x1, y1, x2, y2 = (end - FIRST for end in row[:4])
            path = {"x": [x1, x2, x2, x1, x1], "y": [y1, y1, y2, y2, y1], "mode": "lines"}
            for width, ink in ((HALO, PALE), (LINE, colour)):
                line = {"color": ink, "dash": dash, "width": width}
                hover = "name" if width == LINE else "skip"
                self.lines.append(go.Scatter(**path, line=line, name=name, hoverinfo=hover))
            if number >= MOST_NAMES:
                continue
            self.names.append(
                {
                    "text": name, "showarrow": False, "bgcolor": PALE, "borderpad": 1,
                    "font": {"size": 11, "color": INK},
                    **self._beside(x1, y1, x2, y2, below=dash == DASHED),
                }
            )  # fmt: skip

    def _beside(self, x1: float, y1: float, x2: float, y2: float, below: bool) -> dict[str, Any]:
        """Return where a box's name stands: inside the picture, below it if asked for, or above."""
        left = x1 < SIDE * self._width
        room = y2 < (1 - TOP) * self._height if below else y1 > TOP * self._height
        x, y = x1 if left else x2, y2 if below else y1
        return {
            "x": min(max(x, 0.0), self._width - 1.0),
            "y": min(max(y, 0.0), self._height - 1.0),
            "xanchor": "left" if left else "right",
            "yanchor": "top" if below == room else "bottom",
        }

    def _named(self, row: list[float]) -> str:
        """Return a box's class, and its score where it has one."""
        index = int(row[-1])
        name = self._classes[index] if index < len(self._classes) else str(index)
        name = escape(name, quote=False)
        return name if len(row) == 5 else f"{name} ({percent(row[4], 0)})"
