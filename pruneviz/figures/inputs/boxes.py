"""Boxes on an image: those that are true, those that a network answers with, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from pruneviz.compare.boxes import Found
from pruneviz.compare.objects import Changes
from pruneviz.figures.inputs.images import FIRST, HALO, LINE, PALE, Picture, cells, picture
from pruneviz.figures.kit.format import percent
from pruneviz.figures.kit.style import (
    INK,
    ORIGINAL,
    PRUNED,
    SERIES,
    lay_out,
    legend_below,
    squares,
)

TRUE = SERIES[0]
SOLID, DASHED, DOTTED = "solid", "9px,5px", "2px,4px"  # right, wrong, missed
MIXED = "12px,4px,2px,4px"  # right, and was missed before
AROUND, NARROWEST = 0.6, 8  # what is shown around a box on each side: of its own side, in pixels
STEP = 3  # pixels of a dot of an outline, and of the gap after it
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


def changed_boxes(raw: Tensor, changes: Changes, classes: Sequence[str]) -> go.Figure:
    """Return an image (C, H, W) with what both networks find, what is lost, and what is new.

    Lines tell these apart as well as colours do: solid what both find, dotted what is lost, dots
    and dashes what is found anew, dashed what is answered wrongly anew.
    """
    kinds = (
        ("kept", changes.kept, TRUE, SOLID), ("lost", changes.lost, ORIGINAL, DOTTED),
        ("new", changes.new, PRUNED, MIXED), ("newly wrong", changes.wrong, PRUNED, DASHED),
    )  # fmt: skip
    drawn = _Drawn((raw.shape[-2], raw.shape[-1]), classes)
    for said, boxes, colour, dash in kinds:
        drawn.add(boxes, colour, dash, f"{said} ")
    for line in drawn.lines:
        line.showlegend = False
    for said, boxes, colour, dash in kinds:
        line = {"color": colour, "dash": dash, "width": LINE}
        drawn.lines.append(
            go.Scatter(x=[None], y=[None], mode="lines", line=line, name=f"{said}: {len(boxes)}")
        )
    there = len(changes.kept) + len(changes.lost) + len(changes.new) + changes.unseen
    title = (
        f"Of {there}: {len(changes.kept)} kept, {len(changes.lost)} lost, {len(changes.new)} new"
    )
    return legend_below(_on(raw, drawn, title)).update_layout(showlegend=True)


def crop(raw: Tensor, box: Sequence[float], least: int) -> Picture:
    """Return the part of an image (C, H, W) around a box x1, y1, x2, y2, at least `least` high.

    A dotted outline on a pale one says where the box lies.
    """
    height, width = raw.shape[-2:]
    ends = []
    for low, high, size in ((box[1], box[3], height), (box[0], box[2], width)):
        more = max(AROUND * (high - low), NARROWEST)
        first = min(max(int(low - more), 0), size - 1)
        ends.append((first, max(first + 1, min(int(high + more) + 1, size))))
    (top, bottom), (left, right) = ends
    shown = picture(raw[:, top:bottom, left:right], least).copy()
    scale = np.array([shown.shape[0] / (bottom - top), shown.shape[1] / (right - left)])
    at = (np.array([[box[1], box[0]], [box[3], box[2]]]) - (top, left)) * scale
    (y1, x1), (y2, x2) = np.clip(at.round().astype(int), 0, np.array(shown.shape[:2]) - 1)
    return _outlined(shown, (y1, x1, y2, x2))


def _outlined(shown: Picture, box: tuple[int, int, int, int]) -> Picture:
    """Draw the outline of a box y1, x1, y2, x2 in pixels of a picture into it."""
    y1, x1, y2, x2 = box
    rows, columns = np.arange(y1, y2 + 1), np.arange(x1, x2 + 1)
    sides = [(np.full(columns.shape, y), columns) for y in (y1, y2)]
    sides += [(rows, np.full(rows.shape, x)) for x in (x1, x2)]
    most = np.array(shown.shape[:2]) - 1
    for colour, dotted in (("#ffffff", False), (ORIGINAL, True)):
        ink = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
        for ys, xs in sides:
            inked = (ys + xs) // STEP % 2 == 0 if dotted else np.ones(ys.shape, bool)
            for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
                shown[np.minimum(ys + dy, most[0])[inked], np.minimum(xs + dx, most[1])[inked]] = (
                    ink
                )
    return shown


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
