"""How good answers are: one file for each family of metrics, each with its 95 % intervals."""

from pruneviz.metrics.metric import (
    COLUMNS,
    METRICS,
    UNITS,
    Change,
    Metric,
    Tally,
    best_row,
    metric_of,
)
from pruneviz.registry import import_all

import_all(__name__, list(__path__))

__all__ = ["COLUMNS", "METRICS", "UNITS", "Change", "Metric", "Tally", "best_row", "metric_of"]
