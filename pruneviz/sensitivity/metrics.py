"""What a point of a scan can be judged by: each metric with its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

from pruneviz import metrics
from pruneviz.report import ACCURACY
from pruneviz.tasks import Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing


@dataclass(frozen=True)
class PointMetric:
    """A metric of each point: the columns of a scan's table with its value and 95 % interval.

    And those with its change against the original on the same inputs, "" where there are none.
    """

    metric: metrics.Metric
    value: str
    low: str
    high: str
    change: str = ""
    change_low: str = ""
    change_high: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that there are, the value first."""
        every = (self.value, self.low, self.high, self.change, self.change_low, self.change_high)
        return tuple(name for name in every if name)

    @property
    def bounded(self) -> bool:
        """Return whether a change of 1 is much whatever the original has."""
        return bool(self.metric.unit) or isfinite(self.metric.most)

    def whole(self, original: float) -> float:
        """Return what counts as much as all of a fraction: the original's, where none bounds it."""
        return 1.0 if self.bounded or not isfinite(original) else abs(original) or 1.0


def point_metric(metric: metrics.Metric) -> PointMetric:
    """Return a metric with the columns that are called after it; accuracy's have no name of it."""
    before = "" if metric.name == ACCURACY else f"{metric.name}_"
    ends = ("low", "high", "change", "change_low", "change_high")
    return PointMetric(metric, metric.name, *(before + end for end in ends))


METRICS: dict[str, PointMetric] = {  # of each network that classifies
    "accuracy": point_metric(metrics.METRICS.get("accuracy")),
    "loss": point_metric(metrics.METRICS.get("loss")),
    "kl": PointMetric(metrics.METRICS.get("kl"), "kl", "kl_low", "kl_high"),
    "auroc": PointMetric(metrics.METRICS.get("auroc"), "auroc", "auroc_low", "auroc_high"),
    "worst_class": PointMetric(
        metrics.METRICS.get("worst_class"),
        "worst_class_accuracy",
        "worst_class_low",
        "worst_class_high",
    ),
}


def metrics_of(task: Task, chosen: Iterable[metrics.Metric]) -> dict[str, PointMetric]:
    """Return what points of a subject can be judged by, its primary metric first.

    `chosen` are the subject's metrics; what labels allow is measured beside them.
    """
    own = {metric.name: point_metric(metric) for metric in chosen}
    beside = METRICS if task.labelled else {}
    return {**own, **{name: each for name, each in beside.items() if name not in own}}


def metric(name: str, known: Mapping[str, PointMetric] = METRICS) -> PointMetric:
    """Return the metric called `name`; ValueError lists those that are known."""
    if name not in known:
        raise RefusedError(analysing.unknown_metric(name, ", ".join(known)))
    return known[name]
