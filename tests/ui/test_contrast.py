"""Captions, axis texts and coloured words read on the pages' backgrounds, light and dark."""

from __future__ import annotations

import tomllib
from pathlib import Path

import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from pruneviz.figures.kit import style

THEME = tomllib.loads(Path(__file__).parents[2].joinpath(".streamlit/config.toml").read_text())
LEAST = 4.5  # WCAG 2.2, text of a usual size


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_the_most_there_is() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", ["backgroundColor", "secondaryBackgroundColor"])
def test_words_of_every_colour_read(scheme: str, place: str) -> None:
    theme = THEME["theme"][scheme]
    names = [name for name in theme if name == "textColor" or name.endswith("TextColor")]
    assert "grayTextColor" in names, "the colour of captions"
    for name in (*names, "linkColor"):
        assert contrast(theme[name], theme[place]) >= LEAST, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axis_texts_read(scheme: str) -> None:
    figure = style.lay_out(go.Figure(go.Bar(x=[1], y=[2])), title="", x="x", y="y")
    figure = style.on_dark(figure) if scheme == "dark" else figure
    page = THEME["theme"][scheme]["backgroundColor"]
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        for colour in (axis.tickfont.color, axis.title.font.color, figure.layout.font.color):
            assert contrast(colour, page) >= LEAST


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_added_after_the_layout_reads_too(scheme: str) -> None:
    figure = style.lay_out(make_subplots(1, 2, subplot_titles=("a", "b")), title="", x="", y="")
    figure.add_heatmap(z=[[1]], colorbar_title_text="own", row=1, col=1)
    figure.add_heatmap(z=[[1]], coloraxis="coloraxis", row=1, col=2)
    figure.update_layout(xaxis3={"title": {"text": "late"}}, coloraxis_colorbar_title_text="all")
    dark = scheme == "dark"
    drawn = style.on_dark(figure) if dark else figure
    drawn = style.legible(drawn, style.AXES_ON_DARK if dark else style.AXES)
    page, layout = THEME["theme"][scheme]["backgroundColor"], drawn.layout
    scales = (drawn.data[0].colorbar, layout.coloraxis.colorbar)
    titled = [layout.xaxis3, layout.xaxis2, *scales]
    fonts = [font for each in titled for font in (each.title.font, each.tickfont)]
    for font in (*fonts, *(word.font for word in layout.annotations)):
        assert contrast(font.color, page) >= LEAST
