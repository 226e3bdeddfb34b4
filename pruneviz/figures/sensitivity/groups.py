"""Which group of inputs loses most over the points of a scan, in words."""

from __future__ import annotations

import pandas as pd

from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import Metric
from pruneviz.sensitivity.metrics import GROUP_SAMPLES, WORST_GROUP, PointMetric, worst_group

MOST_NAMED = 3  # groups


def in_words(points: pd.DataFrame, metric: Metric) -> str:
    """Return where most is lost by a group, and how often each loses most; "" without points.

    `points` are those of a scan of data with groups, `metric` is what it is judged by first.
    """
    each = worst_group(metric)
    known = points.dropna(subset=each.change)
    named = known[known[WORST_GROUP] != ""]
    if known.empty:
        return ""
    if named.empty:
        return f"No group is known to lose at any of {fmt.plural(len(known), 'point')}."
    row = max((row for _, row in named.iterrows()), key=lambda row: _rank(row, each))
    low, high = (fmt.metric_change_alone(metric, row[end]) for end in each.columns[-2:])
    surely, _ = _rank(row, each)
    most = (
        f"Most is {'surely lost' if surely else 'lost, within chance,'} by {row[WORST_GROUP]}, "
        f"{fmt.metric_change(metric, row[each.change])} (95 %: {low} to {high}; "
        f"{fmt.plural(int(row[GROUP_SAMPLES]), 'input')}), with {fmt.share(row['sparsity'])} of "
        f"{row['layer']} removed."
    )
    return f"{most} {_often(named[WORST_GROUP], len(known))}"


def _rank(row: pd.Series, each: PointMetric) -> tuple[bool, float]:
    """Return whether a point's group surely loses, and how much it loses."""
    change, *ends = (each.metric.gain(float(row[name])) for name in each.columns[-3:])
    return max(ends) < 0, -change


def _often(names: pd.Series, points: int) -> str:
    """Return at how many points each group loses most, the most frequent first."""
    counts = names.value_counts()
    first = counts.sort_index().sort_values(ascending=False, kind="stable").head(MOST_NAMED)
    parts = [f"{name} at {count}" for name, count in first.items()]
    others = len(counts) - len(first)
    if others:
        rest = fmt.plural(others, "other group")
        parts.append(f"{rest} at {len(names) - int(first.sum())}")
    if len(names) < points:
        parts.append(f"none at {points - len(names)}")
    return f"Of {fmt.plural(points, 'point')}, most is lost by {', '.join(parts)}."
