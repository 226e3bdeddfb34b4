"""What a scan can be read by: each metric of the engine, and one class alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, nan
from typing import Any

import pandas as pd
import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.sensitivity.reading import PERCENT, POINTS, Reading
from pruneviz.metrics import UNITS, Metric
from pruneviz.plan import Plan
from pruneviz.sensitivity import CLASS_COLUMNS, Judge, PointMetric, metrics_of
from pruneviz.sensitivity.classes import class_table, no_area
from pruneviz.sensitivity.metrics import GROUP_SAMPLES, WORST_GROUP, point_metric, worst_group
from pruneviz.sensitivity.points import columns_of, lacks, table_of
from pruneviz.subjects import Subject
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.keys import subject_key
from pruneviz.ui.words import text
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing

ONE_CLASS = "one_class"
TITLES = {WORST_GROUP: "The group that loses most"}
OF = {
    "accuracy": "",
    "loss": "cross-entropy",
    "kl": "divergence",
    "auroc": "AUROC",
    "worst_class": "the worst class's accuracy",
}
COLUMN_WORDS = {
    "layer": "Layer",
    "sparsity": "Removed (%)",
    "samples": "Inputs",
    "class": "Class",
    "worst_class": "Worst class",
    WORST_GROUP: "Group that loses most",
    GROUP_SAMPLES: "Inputs of that group",
    "change": "Change of accuracy (%)",
    "change_low": "Change, 95 % from (%)",
    "change_high": "Change, 95 % to (%)",
    "loss_change": "Change of cross-entropy (nats)",
    "loss_change_low": "Change of cross-entropy, 95 % from (nats)",
    "loss_change_high": "Change of cross-entropy, 95 % to (nats)",
}
NO_GROUP = (
    "What each group loses is not known: its inputs are too few or all of one class, or answers "
    "are no finite numbers. Choose data with larger groups on Home."
)
FRACTIONS = {"sparsity", "change", "change_low", "change_high"}
ENDS = ("", ", 95 % from", ", 95 % to")


@dataclass(frozen=True)
class Read:
    """A scan's points under one measure: as figures take them, and what is wrong with them."""

    table: pd.DataFrame
    reading: Reading
    problem: str = ""


def of(subject: Subject) -> dict[str, PointMetric]:
    """Return the metrics that a scan of a subject is read by, the primary one first."""
    return metrics_of(subject.task, subject.metrics, grouped=subject.grouped)


def names(subject: Subject) -> dict[str, str]:
    """Return what a scan can be read by, name to title; one class where each input has one."""
    titles = {name: TITLES.get(name, each.metric.title) for name, each in of(subject).items()}
    classes = subject.data.classes if subject.data and subject.task.labelled else ()
    return {**titles, ONE_CLASS: "Accuracy of one class"} if classes else titles


def about(name: str, known: Mapping[str, PointMetric]) -> str:
    """Return in words what a measure says, and where it comes from."""
    if name == ONE_CLASS:
        return "The share of right answers among the inputs of one class, with its own interval."
    metric = known.get(name, next(iter(known.values()))).metric
    return text.escape(f"{metric.sentence} Source: {metric.source}.")


def by_metric(
    points: pd.DataFrame, original: pd.Series, each: PointMetric, called: str, classes: pd.DataFrame
) -> Read:
    """Return the points of a scan under a metric of the engine.

    `original` is the point that all are compared with, `called` what it is called, and `classes`
    the accuracy of each class of an original.
    """
    metric, scale = each.metric, each.metric.scale
    before = scale * float(original[each.value])
    table = _table(points, each.value, each.low, each.high, scale)
    reading = Reading(
        metric.title,
        UNITS[metric.unit].symbol.strip(),
        before,
        metric.better == "higher",
        OF.get(metric.name, metric.noun),
        called,
        each.whole(before),
        None if metric.unit else metric,
    )
    if len(table) and table["value"].isna().all():
        return Read(table, reading, _why_missing(each, points, original, classes))
    return Read(table, reading)


def by_group(points: pd.DataFrame, original: pd.Series, metric: Metric, called: str) -> Read:
    """Return how the group that loses most changes by a metric, each point with its group's name.

    `original` is the point that all are compared with, `called` what it is called.
    """
    primary, each = point_metric(metric), worst_group(metric)
    unit = POINTS if UNITS[metric.unit].symbol.strip() == PERCENT else metric.symbol_of_changes
    reading = Reading(
        "Change",  # the title says of what, and a small chart has no room for it
        unit.strip(),
        0.0,
        metric.better == "higher",
        f"one group's {metric.noun}",
        called,
        primary.whole(metric.scale * float(original[primary.value])),
        None if metric.unit else metric,
        changes=True,
    )
    if len(points) and WORST_GROUP not in points:
        return Read(pd.DataFrame(), reading, _older("what each group of inputs loses"))
    table = _table(points, each.change, each.change_low, each.change_high, metric.scale)
    if len(table) and table["value"].isna().all():
        return Read(table, reading, NO_GROUP)
    if len(points):
        counts = points[GROUP_SAMPLES].fillna(0).astype(int)
        names = zip(points[WORST_GROUP], counts, strict=True)
        table["of"] = [f"{name}, {fmt.plural(n, 'input')}" if name else "" for name, n in names]
    return Read(table, reading)


def by_class(
    classes: pd.DataFrame, original: pd.DataFrame, name: str, called: str, *, finished: bool
) -> Read:
    """Return the accuracy of one class; both tables are as `read_classes` returns them.

    `called` is what the original is called. `finished` says whether the scan is over, so that no
    more of it will come.
    """
    own = classes.loc[classes["class"] == name]
    before = original.loc[original["class"] == name, "accuracy"]
    value = 100 * float(before.iloc[0]) if len(before) else float("nan")
    title, of = f"Accuracy of class {name}", f"class {name}'s accuracy"
    reading = Reading(title, PERCENT, value, of=of, called=called)
    problem = ""
    if original.empty:
        problem = _older("the recalibrated original's accuracy of each class")
    elif pd.isna(value):
        problem = f"No evaluated input is of class {name}, so it has no accuracy: choose another."
    elif finished and own.empty:
        problem = _older("the accuracy of each class")
    return Read(_table(own, "accuracy", "low", "high", 100.0), reading, problem)


@cached(subject_key)
def original(plan: Plan) -> tuple[pd.Series, pd.DataFrame]:
    """Return the unpruned network's own point and the accuracy of each class."""
    subject, answers = cache.subject(plan), cache.original(plan).baseline.answers
    data, task = subject.data, subject.task
    if data is None or answers is None:
        raise RefusedError(browsing.scan_without_data())
    point = Judge(answers, data.y, data.classes, task, subject.metrics).baseline
    columns = columns_of((each.name for each in subject.metrics), labelled=task.labelled)
    row = table_of([point], columns).iloc[0]
    if not task.labelled:
        return row, pd.DataFrame(columns=CLASS_COLUMNS)
    return row, class_table([point], data.y, data.classes)


def _table(points: pd.DataFrame, value: str, low: str, high: str, scale: float) -> pd.DataFrame:
    """Return layer and level with one measure's value and interval, in the unit that is shown."""
    columns = {"value": value, "low": low, "high": high}
    if points.empty:  # of a scan that is not begun it is not known what it is judged by
        points = points.reindex(columns=["layer", "sparsity", *columns.values()])
    shown = {name: scale * points[column].astype(float) for name, column in columns.items()}
    table = pd.DataFrame({"layer": points["layer"], "sparsity": points["sparsity"], **shown})
    return table.replace([inf, -inf], nan)  # where nothing is known, and nothing can be drawn


def _why_missing(
    each: PointMetric, points: pd.DataFrame, original: pd.Series, classes: pd.DataFrame
) -> str:
    """Return why no point has a value: what the file, the answers or the data lack."""
    title = each.metric.title
    if lacks(points, each.value):
        return _older(title)
    if pd.isna(original[next(name for name in ("loss", each.value) if name in original)]):
        return (
            f"{title} cannot be computed: the original's answers are not finite numbers. "
            "Check its weights and inputs."
        )
    if pd.notna(original[each.value]):
        return f"{title} cannot be computed: no pruned network's answers are finite numbers."
    why = no_area(classes["samples"].tolist(), classes["class"].tolist()) or "a class has no input"
    return f"There is no {title}: {why}. Choose data with all classes."


def _older(what: str) -> str:
    return f"This scan was made before {what} was measured: delete it on Runs, and scan again."


def shown_table(table: pd.DataFrame, known: Mapping[str, PointMetric]) -> pd.DataFrame:
    """Return a scan's points under names for people, fractions in percent."""
    words, fractions = _columns(known)
    shown = {
        words.get(column, column): 100 * table[column] if column in fractions else table[column]
        for column in table.columns
    }
    return pd.DataFrame(shown)


def column_formats(known: Mapping[str, PointMetric]) -> dict[str, Any]:
    """Return how the columns of `shown_table` write their numbers."""
    words, fractions = _columns(known)
    formats: dict[str, Any] = {}
    for column, word in words.items():
        if column not in ("layer", "class", "worst_class", WORST_GROUP, "samples"):
            whole = column in ("sparsity", GROUP_SAMPLES)
            written = "%.0f" if whole else "%.1f" if column in fractions else "%.3f"
            formats[word] = st.column_config.NumberColumn(format=written)
    return formats


def _columns(known: Mapping[str, PointMetric]) -> tuple[dict[str, str], set[str]]:
    """Return each column's words, and which columns are fractions that are read in percent."""
    words, fractions = {}, set(FRACTIONS)
    for each in known.values():
        metric = each.metric
        symbol = UNITS[metric.unit].symbol.strip()
        unit = f" ({symbol})" if symbol else ""
        change = f"Change of {metric.noun}"
        titles = [f"{title}{end}" for title in (metric.title, change) for end in ENDS]
        every = (each.value, each.low, each.high, each.change, each.change_low, each.change_high)
        words.update({name: f"{title}{unit}" for name, title in zip(every, titles, strict=True)})
        if symbol == PERCENT:
            fractions.update(each.columns)
    return {**words, **COLUMN_WORDS}, fractions
