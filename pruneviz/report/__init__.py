"""What a run measured: the report and its parts."""

from pruneviz.report.parts import (
    ACCURACY,
    MOST_NAMED,
    Amount,
    EpochRow,
    Interval,
    Latency,
    LatencyPair,
    LayerReport,
    LeftOut,
    Machine,
    MetricPair,
    MetricValue,
    RecoveryReport,
    Skipped,
    Sparsity,
    Uncounted,
)
from pruneviz.report.whole import Report, differences

__all__ = [
    "ACCURACY",
    "MOST_NAMED",
    "Amount",
    "EpochRow",
    "Interval",
    "Latency",
    "LatencyPair",
    "LayerReport",
    "LeftOut",
    "Machine",
    "MetricPair",
    "MetricValue",
    "RecoveryReport",
    "Report",
    "Skipped",
    "Sparsity",
    "Uncounted",
    "differences",
]
