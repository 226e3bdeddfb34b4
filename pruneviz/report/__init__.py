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
    Proportion,
    RecoveryReport,
    Skipped,
    Sparsity,
    Uncounted,
    best_row,
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
    "Proportion",
    "RecoveryReport",
    "Report",
    "Skipped",
    "Sparsity",
    "Uncounted",
    "best_row",
    "differences",
    "finite",
    "with_accuracy_in_quality",
]
