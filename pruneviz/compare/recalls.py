"""How many of each class's boxes both networks find, and of which size."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pruneviz.measure.by_group import compared
from pruneviz.measure.quality import metric_pair
from pruneviz.metrics import METRICS, Tally
from pruneviz.metrics.boxes import SIZES

ANY = "any"
RECALL = METRICS.get("box_recall")


def recall_by_class(before: Tally, after: Tally, classes: Sequence[str]) -> pd.DataFrame:
    """Return one row for each class of which boxes are there, what loses most first.

    Columns are those of `by_group`, and `boxes`, how many are there, and `class`, its number.
    """
    true = before["true_classes"]
    counts = {int(label): int((true == label).sum()) for label in true[true >= 0].unique()}
    names = {label: _name(label, classes) for label in counts}
    found = {
        names[label]: metric_pair(RECALL.of(class_index=label, size=ANY), before, after)
        for label in counts
    }
    table = compared(RECALL, "Class", found)
    table["boxes"], table["class"] = [*counts.values()], [*counts]
    return table.sort_values("change", kind="stable", ignore_index=True)


def _name(label: int, classes: Sequence[str]) -> str:
    """Return what a class is called; where another is called so, too, with its number."""
    if label >= len(classes):
        return str(label)
    name = classes[label]
    return name if classes.count(name) == 1 else f"{name} ({label})"


def recall_by_size(before: Tally, after: Tally, label: int) -> pd.DataFrame:
    """Return one row for each size of which a class has boxes, small ones first, likewise."""
    of_class = before["true_classes"] == label
    counts = {
        size: int((of_class & before["true_sizes"][:, :, place]).sum())
        for place, size in enumerate(SIZES)
        if size != ANY
    }
    there = {size: count for size, count in counts.items() if count}
    found = {
        size: metric_pair(RECALL.of(class_index=label, size=size), before, after) for size in there
    }
    table = compared(RECALL, "Size", found)
    table["boxes"] = [*there.values()]
    return table
