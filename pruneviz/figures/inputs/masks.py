"""An image with the masks that are true and that two networks give it."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.subplots import make_subplots
from torch import Tensor

from pruneviz.figures.inputs.images import Picture, pale, picture
from pruneviz.figures.kit.style import LEGEND, SERIES, lay_out, squares
from pruneviz.tasks import IGNORED

Places = NDArray[np.int64]
SHOWN = 360  # pixels along the longer side
PANELS = ("image", "truth", "original", "pruned")
GREEN, PINK, ORANGE, BROWN, GREY, PURPLE = SERIES
COLOURS = (GREEN, PINK, ORANGE, PURPLE, BROWN)  # next to each other far apart; grey is the image
TINT, DARK = 0.45, 0.6  # of a class's colour over the image, and what is left of it in its pattern
LINE, PERIOD = 4, 14  # pixels of the pattern
OUTLINE = (34, 37, 43)
MIDDLE = 190  # grey of the legend: an image's beneath masks is from 100 to 240
UNJUDGED, NOTHING = "not judged", "no number"
HEIGHT = 500  # on a wide screen
NAMES = 46  # pixels above pictures for three lines
LINES = 2  # of the legend, for which there is room
ACROSS = 3  # entries of the legend in a row of a narrow screen


def _lines(value: Places) -> NDArray[np.bool_]:
    return value % PERIOD < LINE


# Each of Plotly's patterns, by which the legend shows a class, as what it covers of a picture.
PATTERNS: dict[str, Callable[[Places, Places], NDArray[np.bool_]]] = {
    "/": lambda down, across: _lines(down + across),
    "-": lambda down, across: _lines(down),
    "\\": lambda down, across: _lines(down - across),
    "|": lambda down, across: _lines(across),
    "x": lambda down, across: _lines(down + across) | _lines(down - across),
    ".": lambda down, across: _lines(down) & _lines(across),
    "+": lambda down, across: _lines(down) | _lines(across),
}


@dataclass(frozen=True)
class Look:
    """How a class is drawn: its colour, and the pattern that tells it where colour does not."""

    colour: str
    pattern: str

    @property
    def rgb(self) -> NDArray[np.float64]:
        """The colour as three numbers from 0 to 255."""
        return np.array([int(self.colour[at : at + 2], 16) for at in (1, 3, 5)], dtype=float)

    @property
    def ink(self) -> NDArray[np.float64]:
        """The darker colour of the pattern, as three numbers too."""
        return (DARK * self.rgb).round()


def look_of(label: int) -> Look:
    """Return how a class is drawn: of 35 one after the other no two are alike."""
    return Look(COLOURS[label % len(COLOURS)], [*PATTERNS][label % len(PATTERNS)])


def four_pictures(
    raw: Tensor,
    masks: tuple[Tensor, Tensor, Tensor],
    classes: Sequence[str],
    clear: int,
    said: tuple[str, str],
    title: str,
) -> go.Figure:
    """Return an image (C, H, W), its true mask, the original's and the pruned one's, beside it.

    Masks (h, w) lie over the image in grey, each class in its colour and pattern, but for the class
    `clear`; the true outline is drawn in all of them. `said` stands above the networks' masks.
    """
    rows, columns = _size(raw)
    true, *answered = (_spread(mask.numpy(), rows, columns) for mask in masks)
    under = _spread(pale(raw), rows, columns).astype(float)
    given = _spread(picture(raw), rows, columns).astype(np.uint8)
    shown = [given, *(painted(under, mask, true, clear) for mask in (true, *answered))]
    names = (*PANELS[:2], *(f"{n}<br>{what}" for n, what in zip(PANELS[2:], said, strict=True)))
    figure = make_subplots(1, len(PANELS), subplot_titles=names, horizontal_spacing=0.02)
    for column, each in enumerate(shown, 1):
        figure.add_trace(go.Image(source=_png(each), hoverinfo="skip", zsmooth="fast"), 1, column)
    seen = {int(label) for mask in (true, *answered) for label in np.unique(mask)}
    entries = legend(seen, classes, clear)
    for entry in entries:
        figure.add_trace(entry, 1, 1)
    lay_out(figure, title=title, x="", y="", height=HEIGHT)
    figure.update_annotations(font={"size": 13})
    lines = -(-len(entries) // ACROSS)
    figure.update_layout(height=HEIGHT + LEGEND * max(0, lines - LINES))
    margin = {"t": figure.layout.margin.t + NAMES, "b": 8 + LEGEND * lines}
    figure.update_layout(
        margin=margin, legend={"y": 0, "yref": "container", "itemclick": False},
    )  # fmt: skip
    figure.update_yaxes(automargin=False)  # without ticks there is nothing to make room for
    return squares(figure)


def painted(under: NDArray[np.float64], mask: Places, true: Places, clear: int) -> Picture:
    """Return a mask (H, W) over a picture (H, W, 3), with the outline of the true one.

    What the true mask does not judge is white with points.
    """
    found = under.copy()
    down, across = np.arange(len(mask))[:, None], np.arange(mask.shape[1])[None]
    for label in np.unique(mask).tolist():
        if label >= 0 and label != clear:
            where, look = mask == label, look_of(label)
            found[where] = (1 - TINT) * found[where] + TINT * look.rgb
            found[where & PATTERNS[look.pattern](down, across)] = look.ink
    points = PATTERNS["."](down, across)
    found[true == IGNORED] = 255
    found[(true == IGNORED) & points] = 128
    found[(mask == -1) & points] = 0
    found[_outline(true)] = OUTLINE
    drawn: Picture = found.round().astype(np.uint8)
    return drawn


def legend(seen: set[int], classes: Sequence[str], clear: int) -> list[go.Bar]:
    """Return an entry of the legend for each class that is seen, as bars without length."""
    entries = []
    for label in sorted(seen, key=lambda each: (each < 0, each)):
        if label >= 0 and label != clear:
            look = look_of(label)
            tinted = _css((1 - TINT) * MIDDLE + TINT * look.rgb)
            pattern = {"shape": look.pattern, "fgcolor": _css(look.ink), "bgcolor": tinted}
        else:
            shape = "" if label == clear else "."
            grey, black = _css(np.full(3, MIDDLE)), _css(np.array(OUTLINE))
            pattern = {"shape": shape, "fgcolor": black, "bgcolor": grey}
        entries.append(
            go.Bar(
                x=[None],
                y=[None],
                name=_name(label, classes, clear),
                marker={"color": pattern["bgcolor"], "pattern": {**pattern, "size": 6}},
                showlegend=True,
            )
        )
    return entries


def _css(rgb: NDArray[np.number]) -> str:
    """Return a colour of three numbers as browsers write it."""
    red, green, blue = (round(float(each)) for each in rgb)
    return f"rgb({red}, {green}, {blue})"


def _name(label: int, classes: Sequence[str], clear: int) -> str:
    if label < 0:
        return UNJUDGED if label == IGNORED else NOTHING
    name = escape(class_name(label, classes), quote=False)
    return f"{name} (left grey)" if label == clear else name


def class_name(label: int, classes: Sequence[str]) -> str:
    """Return what a class is called where its name is known, else its number."""
    return classes[label] if label < len(classes) else f"class {label}"


def _size(raw: Tensor) -> tuple[int, int]:
    """Return the height and width of the pictures of an image: small ones by whole steps."""
    height, width = raw.shape[-2:]
    scale = SHOWN / max(height, width)
    scale = int(scale) if scale >= 1 else scale
    return max(1, round(height * scale)), max(1, round(width * scale))


def _spread(values: NDArray[np.generic], rows: int, columns: int) -> NDArray[np.int64]:
    """Return (rows, columns, …) of the nearest of (h, w, …) whole numbers."""
    down = np.arange(rows) * values.shape[0] // rows
    across = np.arange(columns) * values.shape[1] // columns
    spread: NDArray[np.int64] = values[down][:, across].astype(np.int64)
    return spread


def _outline(mask: Places) -> NDArray[np.bool_]:
    """Return which pixels have another class below or to the right of them, two pixels wide."""
    edge = np.zeros(mask.shape, dtype=bool)
    below, right = mask[:-1] != mask[1:], mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= below
    edge[1:] |= below
    edge[:, :-1] |= right
    edge[:, 1:] |= right
    return edge


def _png(pixels: NDArray[np.integer]) -> str:
    """Return a picture (H, W, 3) as a browser takes it from a text."""
    content = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(content, "PNG")
    return f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"
