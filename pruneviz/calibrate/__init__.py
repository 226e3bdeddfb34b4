"""What criteria may ask of a network and its calibration data: one file for each kind."""

from pruneviz.calibrate.derivatives import gradients
from pruneviz.calibrate.layers import Layer, layers_of
from pruneviz.calibrate.statistic import (
    STATISTICS,
    Asked,
    Samples,
    Table,
    check,
    collect,
    needs_data,
)
from pruneviz.registry import import_all

import_all(__name__, list(__path__))

__all__ = [
    "STATISTICS",
    "Asked",
    "Layer",
    "Samples",
    "Table",
    "check",
    "collect",
    "gradients",
    "layers_of",
    "needs_data",
]
