"""Figures: data in, Plotly figure out; pure functions, one palette, one way to write numbers."""
