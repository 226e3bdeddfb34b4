"""What a run measured: the report and its parts."""

from pruneviz.report.numbers import MetricNumbers, finite
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
from pruneviz.report.whole import Report, differences, with_accuracy_in_quality

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
    "MetricNumbers",
    "MetricPair",
    "MetricValue",
    "RecoveryReport",
    "Report",
    "Skipped",
    "Sparsity",
    "Uncounted",
    "differences",
    "finite",
    "with_accuracy_in_quality",
]
