"""Accuracy of two models on the same inputs, every proportion with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from pruneviz.metrics import METRICS, Metric, Tally
from pruneviz.report import MetricPair
from pruneviz.tasks import Answers, Task
from pruneviz.tasks.classification import predicted as predicted  # part of this file's interface
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting

ACCURACY = METRICS.get("accuracy")


def accuracy_pair(logits_a: Tensor, logits_b: Tensor, y: Tensor) -> MetricPair:
    """Return the accuracies of original (a) and pruned (b) on the same inputs, and their change.

    Logits are (N, classes), labels (N,). `agreement` is the share of inputs both answer alike.
    """
    check_pair(logits_a, logits_b, y)
    first, second = predicted(logits_a), predicted(logits_b)
    before, after = {"right": first == y}, {"right": second == y}
    return metric_pair(ACCURACY, before, after, ACCURACY.combine({"right": first == second}))


def label_logits(answers: Answers) -> Tensor:
    """Return answers as logits, (N, classes); ValueError where inputs have not one label each."""
    if isinstance(answers, Tensor) and answers.dim() == 2:
        return answers
    raise RefusedError(cutting.not_one_label())


def quality(
    task: Task,
    metrics: Sequence[Metric],
    before: Answers,
    after: Answers,
    target: Tensor,
) -> tuple[MetricPair, ...]:
    """Return metrics of original (before) and pruned (after) on the same N inputs, in their order.

    Answers are what the task keeps of outputs, targets (N, …).
    """
    if task.labelled and isinstance(before, Tensor) and isinstance(after, Tensor):
        check_pair(before, after, target)
    return pairs(task, metrics, task.tally(before, target), task.tally(after, target))


def pairs(
    task: Task, metrics: Sequence[Metric], before: Tally, after: Tally
) -> tuple[MetricPair, ...]:
    """Return metrics of two tallies of the same inputs, in their order."""
    agreement = None
    if task.labelled:
        same = predicted(before["logits"]) == predicted(after["logits"])
        agreement = ACCURACY.combine({"right": same})
    return tuple(metric_pair(metric, before, after, agreement) for metric in metrics)


def metric_pair(
    metric: Metric, before: Tally, after: Tally, agreement: float | None = None
) -> MetricPair:
    """Return one metric of two tallies of the same inputs."""
    change, interval = metric.paired(before, after)
    samples = metric.samples(before)
    return MetricPair(
        metric=metric.name,
        settings=dict(metric.given),
        original=metric.combine(before),
        pruned=metric.combine(after),
        change=change if samples else 0.0,
        original_interval=metric.interval(before),
        pruned_interval=metric.interval(after),
        change_interval=interval,
        samples=samples,
        agreement=agreement,
    )


def by_class(logits_a: Tensor, logits_b: Tensor, y: Tensor, classes: Sequence[str]) -> pd.DataFrame:
    """Return one row a class: samples, both accuracies and the paired change, with intervals.

    Columns: class, samples, original, original_low, original_high, pruned, pruned_low, pruned_high,
    change, change_low, change_high. A class without samples has no accuracy (NaN).
    """
    check_pair(logits_a, logits_b, y)
    right_a, right_b = predicted(logits_a) == y, predicted(logits_b) == y
    rows = []
    for index, name in enumerate(classes):
        here = y == index
        rows.append({"class": name, **_class_row(right_a[here], right_b[here])})
    return pd.DataFrame(rows)


def _class_row(right_a: Tensor, right_b: Tensor) -> dict[str, float]:
    before, after = {"right": right_a}, {"right": right_b}
    low_a, high_a = ACCURACY.interval(before)
    low_b, high_b = ACCURACY.interval(after)
    change, (low, high) = ACCURACY.paired(before, after)
    return {
        "samples": len(right_a),
        "original": ACCURACY.combine(before),
        "original_low": low_a,
        "original_high": high_a,
        "pruned": ACCURACY.combine(after),
        "pruned_low": low_b,
        "pruned_high": high_b,
        "change": change,
        "change_low": low,
        "change_high": high,
    }


def check_pair(logits_a: Tensor, logits_b: Tensor, y: Tensor) -> None:
    """Raise ValueError unless both logits are (N, classes), alike, and there are N labels."""
    if logits_a.dim() != 2 or logits_a.shape != logits_b.shape or y.shape != logits_a.shape[:1]:
        shapes = (tuple(given.shape) for given in (logits_a, logits_b, y))
        raise RefusedError(cutting.logits_of_other_shapes(*shapes))
    if len(y) and not 0 <= int(torch.min(y)) <= int(torch.max(y)) < logits_a.shape[1]:
        low, high = int(torch.min(y)), int(torch.max(y))
        raise RefusedError(cutting.labels_beyond_outputs(logits_a.shape[1], low, high))
