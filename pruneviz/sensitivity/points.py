"""What a scan measures: one point is one layer at one level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan, nan
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from pruneviz import metrics
from pruneviz.measure.quality import check_pair, predicted
from pruneviz.metrics.areas import auroc
from pruneviz.metrics.classification import answered_worst
from pruneviz.metrics.resampling import mean_intervals, number
from pruneviz.plan import Setting
from pruneviz.sensitivity.groups import GROUP_COLUMNS
from pruneviz.sensitivity.metrics import WORST_GROUP, point_metric
from pruneviz.sensitivity.reading import header_of, read_table
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import RefusedError, scanned

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
NEEDED = ["layer", "sparsity", "accuracy", "low", "high", "samples"]  # also in older files
CHANGES = [*NEEDED, "change", "change_low", "change_high", "loss", "kl"]
METRIC_COLUMNS = [*CHANGES, "loss_low", "loss_high", "kl_low", "kl_high", "auroc", "auroc_low",
           "auroc_high", "worst_class", "worst_class_accuracy", "worst_class_low",
           "worst_class_high"]  # fmt: skip
COLUMNS = [*METRIC_COLUMNS, "loss_change", "loss_change_low", "loss_change_high"]
WITHOUT_LABELS = ["layer", "sparsity", "samples"]  # before those of the task's metrics
ORIGINAL = ""  # in place of a layer's name, where nothing is pruned


@dataclass(frozen=True)
class Point:
    """What is left with one layer pruned, on `samples` held-out inputs.

    `accuracy` is the fraction correct, `low` and `high` its 95 % interval (Wilson 1927). `change`
    is against the original on the same inputs, with the 95 % interval for matched pairs (Agresti
    and Min 2005). `loss` is the mean cross-entropy and `kl` the mean divergence of the answers from
    the original's, KL(original ‖ pruned), both in nats; `loss_change` is against the original's on
    the same inputs. `class_correct` counts by class, and `worst_class` is the one of those with
    samples that is answered worst. What each number says, and its interval, is in `METRICS`.

    `others` are the numbers of other metrics by their columns, then those of the group that loses
    most: of a task without labels there are no more than these, and the classification's are NaN.
    """

    layer: str
    sparsity: float
    accuracy: float
    low: float
    high: float
    samples: int
    change: float = nan
    change_low: float = nan
    change_high: float = nan
    loss: float = nan
    kl: float = nan
    class_correct: tuple[int, ...] = ()
    loss_low: float = nan
    loss_high: float = nan
    kl_low: float = nan
    kl_high: float = nan
    auroc: float = nan
    auroc_low: float = nan
    auroc_high: float = nan
    worst_class: str = ""
    worst_class_accuracy: float = nan
    worst_class_low: float = nan
    worst_class_high: float = nan
    loss_change: float = nan
    loss_change_low: float = nan
    loss_change_high: float = nan
    others: tuple[tuple[str, float | str], ...] = ()

    @property
    def known(self) -> bool:
        """Return whether the network could be looked at."""
        return bool(self.others) or not isnan(self.accuracy)


def measured(
    layer: str,
    sparsity: float,
    logits: Tensor,
    original: Tensor,
    y: Tensor,
    classes: Sequence[str] = (),
    task: Task = CLASSIFICATION,
) -> Point:
    """Return the point of logits (N, classes), the original's, and labels (N,).

    `task` says what their loss is and how far they are apart. A class without a name in `classes`
    is called by its number.
    """
    check_pair(original, logits, y)
    right, before = predicted(logits) == y, predicted(original) == y
    accuracy, tally = metrics.METRICS.get("accuracy"), {"right": right}
    low, high = accuracy.interval(tally)
    change, (change_low, change_high) = accuracy.paired({"right": before}, tally)
    found, expected = logits.double(), original.double()
    losses, losses_before = (task.loss(each, y, "none") for each in (found, expected))
    added = losses - losses_before
    apart = task.distil(found, expected, reduction="none", target=y)
    (loss_low, loss_high), (kl_low, kl_high), (added_low, added_high) = mean_intervals(
        torch.stack([losses, apart, added])
    )
    area, (area_low, area_high) = auroc(logits, y)
    by_class = torch.bincount(y[right], minlength=logits.shape[1]).tolist()
    worst, worst_accuracy, worst_low, worst_high = _worst(right, y, classes)
    return Point(
        layer, sparsity, accuracy.combine(tally), low, high, len(y),
        change, change_low, change_high,
        loss=number(float(losses.mean())), kl=number(float(apart.mean())),
        class_correct=tuple(by_class),
        loss_low=loss_low, loss_high=loss_high, kl_low=kl_low, kl_high=kl_high,
        auroc=area, auroc_low=area_low, auroc_high=area_high,
        worst_class=worst, worst_class_accuracy=worst_accuracy,
        worst_class_low=worst_low, worst_class_high=worst_high,
        loss_change=number(float(added.mean())),
        loss_change_low=added_low, loss_change_high=added_high,
    )  # fmt: skip


def unmeasured(layer: str, sparsity: float, samples: int) -> Point:
    """Return the point of a network that cannot be looked at: all its numbers are NaN."""
    return Point(layer, sparsity, nan, nan, nan, samples)


def _worst(right: Tensor, y: Tensor, classes: Sequence[str]) -> tuple[str, float, float, float]:
    """Return name, accuracy and interval of the class answered worst; ties go to the first."""
    found = answered_worst(right, y)
    if found is None:
        return "", nan, nan, nan
    metric, tally = metrics.METRICS.get("worst_class"), {"right": right, "target": y}
    name = classes[found[0]] if found[0] < len(classes) else str(found[0])
    return name, metric.combine(tally), *metric.interval(tally)


def columns_of(names: Iterable[str], *, labelled: bool, grouped: bool = False) -> list[str]:
    """Return the columns of points that are judged by metrics, in the order of a scan's table.

    Those of the group that loses most, where inputs are `grouped`, come last.
    """
    own = [column for name in names for column in point_metric(metrics.METRICS.get(name)).columns]
    first = COLUMNS if labelled else WITHOUT_LABELS
    return list(dict.fromkeys([*first, *own, *(GROUP_COLUMNS if grouped else ())]))


def table_of(rows: Iterable[Point], columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """Return points as a table, one a row."""
    found = [{WORST_GROUP: "", **vars(point), **dict(point.others)} for point in rows]
    return pd.DataFrame(found, columns=list(columns))


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Return levels as they are; ValueError unless each is in (0, 1] and above the one before."""
    given = tuple(float(level) for level in levels)
    rising = all(a < b for a, b in pairwise(given))
    if not given or not rising or not (given[0] > 0 and given[-1] <= 1):
        raise RefusedError(scanned.levels_not_rising(", ".join(f"{level:g}" for level in given)))
    return given


def read_levels(given: Setting) -> tuple[float, ...]:
    """Return the levels that a text such as "0.1,0.5" names, or the one that a number is.

    ValueError where a part is no number, or the levels do not rise.
    """
    try:
        levels = [float(part) for part in str(given).split(",")]
    except ValueError as error:
        raise RefusedError(scanned.no_levels(str(given))) from error
    return check_levels(levels)


def read_points(path: Path) -> pd.DataFrame:
    """Return the points of a file that a scan's table was written to; none where it is not there.

    Which metrics are in it its first line says; what an older file lacks is NaN. ValueError where
    the file is damaged.
    """
    texts, needed = ("layer", "worst_class", WORST_GROUP), ("sparsity", "samples")
    older = (METRIC_COLUMNS, CHANGES, NEEDED)
    return read_table(path, _columns_like(header_of(path)), texts, older, needed)


def _columns_like(header: Sequence[str]) -> list[str]:
    """Return the columns of the scan that a file's first line is of, `COLUMNS` without any."""
    labelled = header[: len(WITHOUT_LABELS)] != WITHOUT_LABELS
    names = metrics_in(header[len(COLUMNS) :] if labelled else header)
    return columns_of(names, labelled=labelled, grouped=WORST_GROUP in header)


def metrics_in(columns: Sequence[str]) -> list[str]:
    """Return the names of the metrics of which columns hold the changes, in their order."""
    changes = {point_metric(each).change_high: each.name for each in metrics.METRICS}
    return [changes[column] for column in columns if column in changes]


def lacks(points: pd.DataFrame, column: str) -> bool:
    """Return whether points come from a file of before there was this column."""
    if column in NEEDED or column not in COLUMNS or points.empty:
        return False
    written_with = "change" if column in CHANGES else "worst_class"  # these two are always known
    return bool(points[written_with].isna().all())
