"""What a point of a scan can be judged by: each metric with its columns."""

from __future__ import annotations

from dataclasses import dataclass

from pruneviz import metrics
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing


@dataclass(frozen=True)
class PointMetric:
    """A metric of each point: the columns of a scan's table with its value and 95 % interval."""

    metric: metrics.Metric
    value: str
    low: str
    high: str


METRICS: dict[str, PointMetric] = {
    name: PointMetric(metrics.METRICS.get(name), *columns)
    for name, columns in {
        "accuracy": ("accuracy", "low", "high"),
        "loss": ("loss", "loss_low", "loss_high"),
        "kl": ("kl", "kl_low", "kl_high"),
        "auroc": ("auroc", "auroc_low", "auroc_high"),
        "worst_class": ("worst_class_accuracy", "worst_class_low", "worst_class_high"),
    }.items()
}


def metric(name: str) -> PointMetric:
    """Return the metric called `name`; ValueError lists those that exist."""
    if name not in METRICS:
        raise RefusedError(analysing.unknown_metric(name, ", ".join(METRICS)))
    return METRICS[name]
