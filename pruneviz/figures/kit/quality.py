"""How good a run's answers are, as it is written wherever runs are shown: `38.67 (± 5.17)`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pruneviz.figures.kit import format as fmt
from pruneviz.history.row import Row
from pruneviz.metrics import METRICS, Metric
from pruneviz.metrics.areas import ALL
from pruneviz.report import ACCURACY, MetricNumbers

OF_ALL, MEAN = ("class_index", ALL), "mean"
NOT_KNOWN = "not known"
NO_INTERVAL = "± not known"


def metric_named(name: str) -> Metric:
    """Return a metric; of a name that only another version knows, numbers without a unit."""
    if name in METRICS.names():
        return METRICS.get(name)
    return replace(METRICS.get("mse"), name=name, title=name, parameters=())


def title(found: MetricNumbers) -> str:
    """Return a metric's title with its settings: `Recall (class 3)`, of all classes `(mean)`.

    Of which class it is, is said where nothing is set, too.
    """
    metric = metric_named(found.metric)
    labels = {parameter.name: parameter.title.lower() for parameter in metric.parameters}
    usual = {p.name: p.default for p in metric.parameters if p.name == OF_ALL[0]}
    given = {**{name: each for name, each in usual.items() if each != ALL}, **found.settings}
    settings = [
        MEAN if (name, value) == OF_ALL else f"{labels.get(name, name)} {value}"
        for name, value in given.items()
    ]
    return f"{metric.title} ({', '.join(settings)})" if settings else metric.title


def value(found: MetricNumbers, number: float | None) -> str:
    """Return one of a metric's values with its unit."""
    return NOT_KNOWN if number is None else fmt.metric_value(metric_named(found.metric), number)


def spread(found: MetricNumbers, low: float | None, high: float | None) -> str:
    """Return an interval of a metric as half its width; "" where an end is not known."""
    if low is None or high is None:
        return ""
    return fmt.metric_spread(metric_named(found.metric), low, high)


def original(found: MetricNumbers) -> str:
    """Return the original's value with its interval."""
    if found.original is None:
        return NOT_KNOWN
    interval = spread(found, found.original_low, found.original_high)
    return _with(value(found, found.original), interval)


def pruned(found: MetricNumbers) -> str:
    """Return the pruned network's value with its interval."""
    if found.pruned is None:
        return NOT_KNOWN
    return _with(value(found, found.pruned), spread(found, found.pruned_low, found.pruned_high))


def change(found: MetricNumbers) -> str:
    """Return the change with its interval: `+1.28 (± 0.94)`, `−2.1 points (± 1.8)`."""
    if found.change is None:
        return NOT_KNOWN
    said = fmt.metric_change(metric_named(found.metric), found.change)
    return _with(said, spread(found, found.change_low, found.change_high))


def all_accuracy(rows: Iterable[Row]) -> bool:
    """Return whether runs are judged by accuracy, which then needs no name beside each number."""
    return all(row.primary is None or row.primary.metric == ACCURACY for row in rows)


def _with(number: str, interval: str) -> str:
    return f"{number} ({interval or NO_INTERVAL})"
