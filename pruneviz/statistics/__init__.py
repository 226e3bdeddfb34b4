"""What criteria may ask of a network and its calibration data: one file for each kind."""

from pruneviz.registry import import_all
from pruneviz.statistics.compute import check, collect, needs_data, needs_derivatives
from pruneviz.statistics.derivatives import gradients
from pruneviz.statistics.layers import Layer, layers_of
from pruneviz.statistics.statistic import (
    BATCH_SIZE,
    STATISTICS,
    Samples,
    StatisticRequest,
    Table,
)

import_all(__name__, list(__path__))

__all__ = [
    "BATCH_SIZE",
    "STATISTICS",
    "Layer",
    "Samples",
    "StatisticRequest",
    "Table",
    "check",
    "collect",
    "gradients",
    "layers_of",
    "needs_data",
    "needs_derivatives",
]
