"""Figures that read on the page's theme, light or dark."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from pruneviz.figures.style import on_dark


def fit(chart: go.Figure) -> go.Figure:
    """Return the figure with colours that read on the theme in use; light when none is known."""
    return on_dark(chart) if st.context.theme.type == "dark" else chart
