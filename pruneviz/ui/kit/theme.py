"""Figures that read on the page's theme, light or dark."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from pruneviz.figures.kit.style import AXES_ON_DARK, legible, on_dark


def fit(chart: go.Figure) -> go.Figure:
    """Return the figure with colours that read on the theme in use; light when none is known."""
    if st.context.theme.type == "dark":
        return legible(on_dark(chart), AXES_ON_DARK)
    return legible(chart)
