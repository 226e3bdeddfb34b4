"""What a point of a scan can be judged by: each metric with its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite

from pruneviz import metrics
from pruneviz.report import ACCURACY
from pruneviz.tasks import Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

WORST_GROUP, GROUP_SAMPLES = "worst_group", "worst_group_samples"
ENDS = ("low", "high", "change", "change_low", "change_high")
GROUP_NUMBERS = tuple(f"{WORST_GROUP}_{end}" for end in ("value", *ENDS))


@dataclass(frozen=True)
class PointMetric:
    """A metric of each point: the columns of a scan's table with its value and 95 % interval.

    And those with its change against the original on the same inputs, "" where there are none.
    `named` are the columns that say of which class or group it is, where it is not of all inputs.
    """

    metric: metrics.Metric
    value: str
    low: str
    high: str
    change: str = ""
    change_low: str = ""
    change_high: str = ""
    named: tuple[str, ...] = field(default=(), kw_only=True)

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
    return PointMetric(metric, metric.name, *(before + end for end in ENDS))


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
        named=("worst_class",),
    ),
}


def worst_group(metric: metrics.Metric) -> PointMetric:
    """Return a metric of the group of inputs that loses most, with its columns."""
    of_group = replace(
        metric,
        name=WORST_GROUP,
        title=f"{metric.title} of the group that loses most",
        sentence=f"How {metric.noun} changes in the group of inputs that loses most against the "
        "original, of the groups of all columns; one whose whole 95 % interval is loss comes "
        "before all others. No average hides it. But the largest of many losses looks larger than "
        "it is, and of 40 groups that lose nothing about one seems to: look at it on other "
        "inputs. Groups of fewer than about 20 inputs have wide intervals.",
        source=f"Sagawa et al. 2020, arXiv 1911.08731; {metric.source}",
    )
    return replace(PointMetric(of_group, *GROUP_NUMBERS), named=(WORST_GROUP, GROUP_SAMPLES))


def metrics_of(
    task: Task, chosen: Iterable[metrics.Metric], *, grouped: bool = False
) -> dict[str, PointMetric]:
    """Return what points of a subject can be judged by, its primary metric first.

    `chosen` are the subject's metrics; what labels allow is measured beside them, and, where its
    data are `grouped`, the group that loses most of the primary one.
    """
    own = {metric.name: point_metric(metric) for metric in chosen}
    beside = dict(METRICS) if task.labelled else {}
    if grouped:
        beside[WORST_GROUP] = worst_group(next(iter(own.values())).metric)
    return {**own, **{name: each for name, each in beside.items() if name not in own}}


def metric(name: str, known: Mapping[str, PointMetric] = METRICS) -> PointMetric:
    """Return the metric called `name`; ValueError lists those that are known."""
    if name not in known:
        raise RefusedError(analysing.unknown_metric(name, ", ".join(known)))
    return known[name]
