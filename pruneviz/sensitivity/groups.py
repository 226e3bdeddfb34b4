"""The group of inputs that loses most at a point of a scan, of the groups that the data name."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

from torch import Tensor

from pruneviz.measure.by_group import Group, is_known, losing_most, part_of
from pruneviz.metrics import Metric, Tally
from pruneviz.sensitivity.metrics import GROUP_NUMBERS, GROUP_SAMPLES, WORST_GROUP

GROUP_COLUMNS = [WORST_GROUP, GROUP_SAMPLES, *GROUP_NUMBERS]
Numbers = tuple[tuple[str, float | str], ...]


def in_columns(
    metric: Metric, before: Tally, after: Tally, members: Mapping[Group, Tensor]
) -> Numbers:
    """Return the group that loses most of two tallies of the same inputs, by `GROUP_COLUMNS`.

    `members` are the inputs of each group, (N,) bool. Its name is `sex: female`, its numbers are
    those of its inputs alone, with 95 % intervals; those that surely lose come first. Where no
    group is known to lose, none is named, and the change is 0; NaN where of none anything is known.
    """
    parts = {
        group: (part_of(metric, before, which), part_of(metric, after, which))
        for group, which in members.items()
    }
    changes = {group: metric.paired(*part) for group, part in parts.items()}
    worst = losing_most(metric, changes)
    if worst is None:
        known = any(is_known(metric, change) for change in changes.values())
        nothing: list[float | str] = ["", nan, nan, nan, nan, 0.0 if known else nan, nan, nan]
        return tuple(zip(GROUP_COLUMNS, nothing, strict=True))
    (change, apart), own = changes[worst], parts[worst][1]
    numbers = (metric.combine(own), *metric.interval(own), change, *apart)
    found = (": ".join(worst), int(members[worst].sum()), *numbers)
    return tuple(zip(GROUP_COLUMNS, found, strict=True))
