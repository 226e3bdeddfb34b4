"""What each layer can lose: accuracy when one layer alone is pruned, level by level, or two."""

from pruneviz.sensitivity.classes import CLASS_COLUMNS, read_classes
from pruneviz.sensitivity.judge import Judge
from pruneviz.sensitivity.metrics import METRICS, PointMetric, metric, metrics_of
from pruneviz.sensitivity.notes import read_notes
from pruneviz.sensitivity.pairs import PAIR_COLUMNS, Pair, Pairs, read_pairs
from pruneviz.sensitivity.points import COLUMNS, LEVELS, Point, read_points
from pruneviz.sensitivity.scan import Scan
from pruneviz.sensitivity.search import (
    PROBE_COLUMNS,
    TABLE,
    Probe,
    Search,
    read_probes,
    read_thresholds,
)

__all__ = [
    "CLASS_COLUMNS",
    "COLUMNS",
    "LEVELS",
    "METRICS",
    "PAIR_COLUMNS",
    "PROBE_COLUMNS",
    "TABLE",
    "Judge",
    "Pair",
    "Pairs",
    "Point",
    "PointMetric",
    "Probe",
    "Scan",
    "Search",
    "metric",
    "metrics_of",
    "read_classes",
    "read_notes",
    "read_pairs",
    "read_points",
    "read_probes",
    "read_thresholds",
]
