"""What is lost of a metric, in words, whichever way it is better."""

from __future__ import annotations

from math import isfinite

from pruneviz.metrics import METRICS, Metric

ACCURACY = METRICS.get("accuracy")


def amount(metric: Metric, lost: float) -> str:
    """Return how much worse a metric is, with its unit: `1.2 points`, `0.04`.

    What is above 0 is never written as 0.
    """
    if not isfinite(lost):
        return "infinitely much"
    written = metric.written_alone(lost)
    number = written.rstrip("0").rstrip(".") if "." in written else written
    if lost > 0 and not float(number):
        number = f"< {written[:-1]}1"
    return f"{number}{unit_of(metric, number)}"


def unit_of(metric: Metric, number: str) -> str:
    """Return the unit behind a number as it is written, with the blank before it: ` points`."""
    unit = metric.symbol_of_changes
    return unit.removesuffix("s") if number == "1" else unit


def unit_in_words(metric: Metric) -> str:
    """Return what a loss is of: `points`, `points of F1`, `mean absolute error`."""
    unit = metric.symbol_of_changes.strip()
    return f"{unit}{_of(metric)}" if unit else metric.noun


def above(metric: Metric, lost: float, allowed: float) -> str:
    """Return a loss that is more than is `allowed`, also where it rounds to that."""
    if isfinite(lost) and float(metric.written_alone(lost)) <= metric.scale * allowed:
        return f"a little more than {amount(metric, allowed)}"
    return amount(metric, lost)


def does(metric: Metric) -> str:
    """Return what a network does to a metric that gets worse: it `loses` or `adds` some."""
    return "loses" if metric.better == "higher" else "adds"


def of_it(metric: Metric, much: str) -> str:
    """Return what it loses or adds: `1 point`, `0.02 of AUROC`, `0.4 to mean absolute error`."""
    return f"{much}{_of(metric)}" if metric.better == "higher" else f"{much} to {metric.noun}"


def costs(metric: Metric, lost: float) -> str:
    """Return what more of a layer does: `costs 1.2 points`, `adds 0.4 to mean absolute error`."""
    verb = "costs" if metric.better == "higher" else "adds"
    return f"{verb} {of_it(metric, amount(metric, lost))}"


def lost(metric: Metric, much: str) -> str:
    """Return what was done: `1 point lost`, `0.4 added to mean absolute error`."""
    if metric.better == "lower":
        return f"{much} added to {metric.noun}"
    return f"{much}{_of(metric)} lost"


def _of(metric: Metric) -> str:
    """Return of what points are: accuracy needs not to be said."""
    return "" if metric.name == ACCURACY.name else f" of {metric.noun}"
