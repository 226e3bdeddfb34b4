"""What each group of inputs loses: a metric of both networks on its inputs alone."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import torch

from pruneviz.measure.quality import metric_pair
from pruneviz.metrics import Metric, Tally
from pruneviz.metrics.areas import ALL, can_be_judged, of_each
from pruneviz.metrics.metric import Change
from pruneviz.report import MetricPair
from pruneviz.subjects.subject import Groups

Group = tuple[str, str]  # a column's name, and that of one of its groups


def by_group(metric: Metric, before: Tally, after: Tally, groups: Groups) -> pd.DataFrame:
    """Return one row a group: inputs, the metric of both networks and its change, with intervals.

    Columns: column, group, samples, original, original_low, original_high, pruned, pruned_low,
    pruned_high, change, change_low, change_high, worst. Where the inputs of a group are too few to
    tell, or of one class, its number may be NaN, and its intervals are as wide as can be. `worst`
    is, in each column, the group that loses most: of those whose interval is all loss, else of
    those whose interval says something. Groups without an input have no row. Of a mean over labels
    `labels` is how many of these the inputs of a group can judge.
    """
    rows = []
    for column, group in groups.items():
        parts = {name: which for (_, name), which in members({column: group}).items()}
        found = {
            name: metric_pair(metric, part_of(metric, before, which), part_of(metric, after, which))
            for name, which in parts.items()
        }
        rows.append(compared(metric, column, found))
        if _over_labels(metric, before):
            rows[-1]["labels"] = [_labels(before, which) for which in parts.values()]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def compared(metric: Metric, column: str, found: Mapping[str, MetricPair]) -> pd.DataFrame:
    """Return one row for each named pair of a metric, with the columns of `by_group`."""
    changes = {(column, name): (pair.change, pair.change_interval) for name, pair in found.items()}
    worst = losing_most(metric, changes)
    return pd.DataFrame(
        {"column": column, "group": name, **_row(metric, pair), "worst": (column, name) == worst}
        for name, pair in found.items()
    )


def _over_labels(metric: Metric, tally: Tally) -> bool:
    """Return whether a metric is a mean over the labels of inputs that have several."""
    several = {"logits", "target"} <= {*metric.needs} and tally["target"].dim() == 2
    return several and metric.given.get("class_index", ALL) == ALL


def _labels(tally: Tally, which: torch.Tensor) -> int:
    target = tally["target"][which]
    return int(can_be_judged(*of_each(target, target.shape[1])).sum())


def members(groups: Groups) -> dict[Group, torch.Tensor]:
    """Return which inputs are of each group, (N,) bool, of all columns; of those that have some."""
    found = {
        (column, name): torch.from_numpy(index == place)
        for column, (names, index) in groups.items()
        for place, name in enumerate(names)
    }
    return {group: which for group, which in found.items() if which.any()}


def part_of(metric: Metric, tally: Tally, which: torch.Tensor) -> Tally:
    """Return what a metric needs of a tally, of some of its inputs, (N,) bool."""
    return {name: tally[name][which] for name in metric.needs}


def is_known(metric: Metric, change: Change) -> bool:
    """Return whether a change and its interval say something: not all that can be."""
    value, (low, high) = change
    return not math.isnan(value) and high - low < 2 * (metric.most - metric.least)


def losing_most(metric: Metric, changes: Mapping[Group, Change]) -> Group | None:
    """Return the group that loses most, those that surely lose first; None where none loses.

    Of several the first. Those of which nothing is known are none of them.
    """
    losses = {}
    for name, (change, ends) in changes.items():
        loss = -metric.gain(change)
        if is_known(metric, (change, ends)) and loss > 0:
            losses[name] = max(map(metric.gain, ends)) < 0, loss
    return max(losses, key=lambda name: losses[name]) if losses else None


def _row(metric: Metric, pair: MetricPair) -> dict[str, float]:
    widest = metric.most - metric.least
    change = pair.change_interval
    if math.isnan(pair.change):  # a network has no number here: nothing is known of the change
        change = -widest, widest
    return {
        "samples": pair.samples,
        "original": pair.original,
        "original_low": pair.original_interval[0],
        "original_high": pair.original_interval[1],
        "pruned": pair.pruned,
        "pruned_low": pair.pruned_interval[0],
        "pruned_high": pair.pruned_interval[1],
        "change": pair.change,
        "change_low": change[0],
        "change_high": change[1],
    }
