"""What is removed: a granularity shows a model as layers of units."""

from pruneviz.granularity.units import (
    GRANULARITIES,
    AxisKeep,
    Granularity,
    Units,
    mean,
    noun,
    stays_dense,
)
from pruneviz.registry import import_all

import_all(__name__, list(__path__))

__all__ = ["GRANULARITIES", "AxisKeep", "Granularity", "Units", "mean", "noun", "stays_dense"]
