"""What each label loses, where inputs have several, and which labels cannot be judged."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from torch import Tensor

from pruneviz.measure.by_group import compared
from pruneviz.measure.quality import metric_pair
from pruneviz.metrics import Metric, Tally
from pruneviz.metrics.areas import can_be_judged, of_each
from pruneviz.wording import Fact, judged

OF_LABEL = "class_index"  # the parameter of a metric that says which label is judged alone


def label_names(classes: Sequence[str], labels: int) -> tuple[str, ...]:
    """Return what each label is called: as the classes are, where there is one name for each."""
    if len({*classes}) == len(classes) == labels:
        return tuple(classes)
    return tuple(f"label {number}" for number in range(labels))


def judges_labels(metric: Metric) -> bool:
    """Return whether a metric can be had of one label alone."""
    return OF_LABEL in {parameter.name for parameter in metric.parameters}


def by_label(
    metric: Metric, before: Tally, after: Tally, names: Sequence[str], column: str = "Label"
) -> pd.DataFrame:
    """Return one row a label that can be judged, with a metric of both networks and its change.

    Columns are those of `by_group`, `samples` the inputs of which is known whether they have the
    label, and `with` those that have it. Where no label can be judged there is no row.
    """
    true, known = of_each(before["target"], len(names))
    judged_labels = can_be_judged(true, known).tolist()
    found = {
        name: metric_pair(metric.of(**{**metric.given, OF_LABEL: index}), before, after)
        for index, name in enumerate(names)
        if judged_labels[index]
    }
    table = compared(metric, column, found)
    if table.empty:
        return table
    index = [names.index(name) for name in found]
    table["samples"] = known.sum(0)[index].numpy()
    table.insert(3, "with", (true & known).sum(0)[index].numpy())
    return table


def left_out(target: Tensor, classes: Sequence[str]) -> Fact | None:
    """Return which labels cannot be judged, of targets (N, labels); None where all can."""
    names = label_names(classes, target.shape[1])
    seen = can_be_judged(*of_each(target, len(names))).tolist()
    gone = [name for name, known in zip(names, seen, strict=True) if not known]
    return judged.labels_left_out(tuple(gone), len(names)) if gone else None
