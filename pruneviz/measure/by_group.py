"""What each group of inputs loses: a metric of both networks on its inputs alone."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import torch

from pruneviz.measure.quality import metric_pair
from pruneviz.metrics import Metric, Tally
from pruneviz.metrics.areas import ALL, can_be_judged, of_each
from pruneviz.report import MetricPair
from pruneviz.subjects.subject import Groups


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
    for column, (names, index) in groups.items():
        placed = torch.from_numpy(index)
        here = [(name, placed == place) for place, name in enumerate(names)]
        found = {
            name: metric_pair(metric, _of(before, which), _of(after, which))
            for name, which in here
            if which.any()
        }
        rows.append(compared(metric, column, found))
        if _over_labels(metric, before):
            rows[-1]["labels"] = [_labels(before, which) for _, which in here if which.any()]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def compared(metric: Metric, column: str, found: Mapping[str, MetricPair]) -> pd.DataFrame:
    """Return one row for each named pair of a metric, with the columns of `by_group`."""
    worst = _worst(metric, found)
    return pd.DataFrame(
        {"column": column, "group": name, **_row(metric, pair), "worst": name == worst}
        for name, pair in found.items()
    )


def _over_labels(metric: Metric, tally: Tally) -> bool:
    """Return whether a metric is a mean over the labels of inputs that have several."""
    several = {"logits", "target"} <= {*metric.needs} and tally["target"].dim() == 2
    return several and metric.given.get("class_index", ALL) == ALL


def _labels(tally: Tally, which: torch.Tensor) -> int:
    target = tally["target"][which]
    return int(can_be_judged(*of_each(target, target.shape[1])).sum())


def _of(tally: Tally, which: torch.Tensor) -> Tally:
    return {name: values[which] for name, values in tally.items()}


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


def _worst(metric: Metric, pairs: Mapping[str, MetricPair]) -> str | None:
    """Return the group that loses most, those that surely lose first; None where none loses."""
    losses = {}
    for name, pair in pairs.items():
        gains = [metric.gain(end) for end in pair.change_interval]
        known = max(gains) - min(gains) < 2 * (metric.most - metric.least)
        loss = -metric.gain(pair.change)
        if known and loss > 0:
            losses[name] = max(gains) < 0, loss
    return max(losses, key=lambda name: losses[name]) if losses else None
