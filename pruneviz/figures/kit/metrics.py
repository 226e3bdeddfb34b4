"""A metric on an axis: its title with its unit, and its values under the pointer."""

from __future__ import annotations

from pruneviz.metrics import UNITS, Metric


def axis_title(metric: Metric) -> str:
    """Return the title of an axis of a metric, with its unit: `Accuracy (%)`."""
    symbol = UNITS[metric.unit].symbol.strip()
    return f"{metric.title} ({symbol})" if symbol else metric.title


def hovered(metric: Metric) -> str:
    """Return the template of a metric's value, as Plotly reads it."""
    unit = UNITS[metric.unit]
    return f"%{{y:.{unit.decimals}f}}{unit.symbol}" if metric.unit else "%{y:.4r}"
