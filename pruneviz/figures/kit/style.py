"""The look of every figure: one palette, one layout, one text alternative."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go
from plotly.basedatatypes import BasePlotlyType

# Okabe and Ito's colours keep apart for colour-blind eyes; the two lead colours never change role.
ORIGINAL = "#0072B2"
ORIGINAL_ON_DARK = "#56B4E9"  # their sky blue: the darker one is weak on a dark page
PRUNED = "#D55E00"
INK, INK_ON_DARK = "#22252b", "#f5f6f8"
INK_ON_PALE = "#1f2328"  # of words on colours that are pale on a dark page, too
AXES, AXES_ON_DARK = "#59616b", "#a8b0ba"  # of axis texts: 4.5 to 1 on either page
REMOVED = "#c4c9d0"
BAND = "rgba(213, 94, 0, 0.16)"  # of intervals
FAINT = "rgba(128, 134, 142, 0.45)"
GRID = "rgba(128, 134, 142, 0.22)"
# ColorBrewer's PRGn, below and above 0: apart for colour-blind eyes, and neither model's colour.
DIVERGING = [[0, "#762a83"], [0.25, "#c2a5cf"], [0.5, "#f7f7f7"], [0.75, "#a6dba0"], [1, "#1b7837"]]
# The ends of the same, over a picture: what is 0 lets it through.
OVERLAY = [
    [0, "rgba(118, 42, 131, 0.95)"],
    [0.35, "rgba(118, 42, 131, 0.4)"],
    [0.5, "rgba(128, 128, 128, 0)"],
    [0.65, "rgba(27, 120, 55, 0.4)"],
    [1, "rgba(27, 120, 55, 0.95)"],
]
# Stripes tell the pruned network's bars from the original's where colour does not.
STRIPES = {"shape": "/", "fillmode": "overlay", "fgcolor": "rgba(255, 255, 255, 0.75)", "size": 6}
TITLE_CHARACTERS = 62  # a line of the title that fits a column of 500 pixels
LEGEND = 30  # pixels of a legend below a figure
SUBTITLE, SCALE = 20, 76  # pixels above pictures for their names, and below for the colour scale
TRANSPARENT = "rgba(0, 0, 0, 0)"
# Neither the original's blues nor the pruned network's vermillion.
SERIES = ("#009E73", "#CC79A7", "#E69F00", "#8C6D00", "#6B7280", "#8A63B8")
Layout = Mapping[str, Any]
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "hexagon")


def lay_out(
    figure: go.Figure, *, title: str, x: str, y: str, height: int = 360,
    layout: Layout = MappingProxyType({}),
    xaxis: Layout = MappingProxyType({}),
    yaxis: Layout = MappingProxyType({}),
) -> go.Figure:  # fmt: skip
    """Give a figure its title (what to see), its axis titles with units, and the common look.

    `layout`, `xaxis` and `yaxis` are what this figure has beyond that, of all its axes. No template
    is set: it would override the theme, light or dark, that the reader chose.
    """
    lines = textwrap.wrap(title, TITLE_CHARACTERS) or [""]
    common = {
        "title": {"text": "<br>".join(lines), "x": 0, "xanchor": "left", "font": {"size": 16}},
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 34 + 30 * len(lines), "b": 8},
        "paper_bgcolor": TRANSPARENT,
        "plot_bgcolor": TRANSPARENT,
        "legend": {
            "orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "title": {"text": ""},
        },
        "uirevision": "kept",
        "hoverlabel": {"namelength": -1},
        "modebar": {"bgcolor": TRANSPARENT, "color": "#8a929c", "activecolor": ORIGINAL},
        "font": {"color": AXES},
        **{axis.plotly_name: _axis(x, xaxis) for axis in figure.select_xaxes()},
        **{axis.plotly_name: _axis(y, yaxis) for axis in figure.select_yaxes()},
    }  # fmt: skip
    # One part after the other: Plotly's own way to update several takes five times as long.
    for name, value in _merged(common, layout).items():
        before = figure.layout[name]
        nested = isinstance(before, BasePlotlyType)
        figure.layout[name] = _merged(before.to_plotly_json(), value) if nested else value
    return figure


def _axis(title: str, more: Layout) -> Layout:
    font = {"color": AXES}
    common = {"gridcolor": GRID, "automargin": True, "zeroline": False, "tickfont": font}
    return _merged({**common, "title": {"text": title, "font": font}}, more)


def _merged(layout: Layout, more: Layout) -> dict[str, Any]:
    """Return a layout with what `more` says of it, part by part."""
    both = dict(layout)
    for name, value in more.items():
        old = both.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _merged(old, value)
        both[name] = value
    return both


def interval(x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> go.Scatter:
    """Return 95 % intervals along an axis as a pale band."""
    return go.Scatter(
        x=[*x, *reversed(x)],
        y=[*high, *reversed(low)],
        mode="lines",
        fill="toself",
        fillcolor=BAND,
        line={"width": 0},
        hoverinfo="skip",
        name="95 % interval",
        legendrank=2000,  # after what it belongs to
        showlegend=True,
    )


def legend_below(figure: go.Figure) -> go.Figure:
    """Put the legend under the figure, where several rows of long names do not meet the title."""
    return figure.update_layout(
        legend={"y": 0, "yref": "container"}, height=figure.layout.height + LEGEND
    )


def mosaic(figure: go.Figure, scale: Mapping[str, object]) -> go.Figure:
    """Lay out pictures beside each other: square pixels, no ticks, one colour scale below them.

    `scale` is the layout's `coloraxis`, its colour bar's title and ticks included.
    """
    margin = {"t": figure.layout.margin.t + SUBTITLE, "b": SCALE}
    figure.update_layout(coloraxis=scale, margin=margin)
    figure.update_coloraxes(
        colorbar={
            "orientation": "h",
            "thickness": 10,
            "len": 0.6,
            "y": 0,
            "yanchor": "top",
            "title": {"side": "top"},
        }
    )
    return squares(figure)


def squares(figure: go.Figure) -> go.Figure:
    """Give the pictures of a figure square pixels, rows from the top down, and no ticks."""
    figure.update_xaxes(showticklabels=False, ticks="", showgrid=False, constrain="domain")
    figure.update_yaxes(
        showticklabels=False, ticks="", showgrid=False, autorange="reversed", constrain="domain"
    )
    for axis in figure.select_yaxes():
        axis.update(scaleanchor=axis.anchor, constraintoward="top")
    return figure


def on_dark(figure: go.Figure) -> go.Figure:
    """Give the original its lighter blue, and numbers on colours a lighter ink, for a dark page.

    The figure itself is changed.
    """
    lighter = {ORIGINAL: ORIGINAL_ON_DARK, INK: INK_ON_DARK}
    for part in (*figure.data, *figure.layout.shapes):
        for place in ("marker", "line", "error_x", "textfont"):
            colour = part[place].color if place in part else None
            if isinstance(colour, str) and colour in lighter:
                part[place].color = lighter[colour]
    if figure.layout.font.color == AXES:
        axes = (*figure.select_xaxes(), *figure.select_yaxes())
        fonts = [font for axis in axes for font in (axis.tickfont, axis.title.font)]
        for font in (figure.layout.font, *fonts):
            font.color = AXES_ON_DARK
    return figure


def legible(figure: go.Figure, colour: str = AXES) -> go.Figure:
    """Give axes, words and colour scales that were added after the layout a colour that reads.

    Without one, they get a paler one of the page's theme. The figure itself is changed.
    """
    scales = [axis.colorbar for axis in figure.select_coloraxes()]
    scales += [trace.colorbar for trace in figure.data if "colorbar" in trace]
    axes = [*figure.select_xaxes(), *figure.select_yaxes(), *scales]
    fonts = [font for axis in axes for font in (axis.tickfont, axis.title.font)]
    for font in (*fonts, *(each.font for each in figure.layout.annotations)):
        if font.color is None:
            font.color = colour
    return figure


def describe(figure: go.Figure) -> str:
    """Return a figure in words: what to see, and what the axes show."""
    title = (figure.layout.title.text or "Figure").replace("<br>", " ")
    x, y = (
        next((axis.title.text for axis in axes if axis.title.text), "")
        for axes in (figure.select_xaxes(), figure.select_yaxes())
    )
    shown = " by ".join(axis for axis in (y, x) if axis)
    return f"{title}. The figure shows {shown[:1].lower()}{shown[1:]}." if shown else f"{title}."
