"""What a model is for and what judges it: as its source or a plan says, else as its data show."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pruneviz.metrics import METRICS, Metric
from pruneviz.network.inputs import Batch
from pruneviz.plan import Plan
from pruneviz.tasks import CLASSIFICATION, TASKS, Task
from pruneviz.tasks.task import usual_metric
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import answering


def chosen_task(plan: Plan, own: Task | None) -> Task | None:
    """Return the task that a plan names, else the source's own; None where neither says one."""
    if plan.task is None or (own is not None and task_name(own) == plan.task):
        return own
    if plan.task == "classification":
        return CLASSIFICATION
    return TASKS.get(plan.task).implementation()


def found_task(target: Tensor | None) -> Task:
    """Return the task that targets (N, …) are of: numbers are a regression's, boxes detection's."""
    if target is not None and target.is_floating_point() and target.dim() == 3:
        return TASKS.get("detection").implementation()
    if target is not None and target.is_floating_point():
        return TASKS.get("regression").implementation()
    return CLASSIFICATION


def task_name(task: Task) -> str | None:
    """Return the name under which a task is registered, None for one that is not."""
    return next((entry.name for entry in TASKS if entry.implementation is type(task)), None)


def check_task(task: Task, output: Any, target: Tensor) -> None:
    """Raise ValueError where an output, or targets (N, …), are not of a task."""
    fault = task.misfit(task.scores(output), target)
    if fault is not None:
        title = next((e.title for e in TASKS if e.implementation is type(task)), "own task")
        raise RefusedError(answering.of_another_task(title, fault, tuple(TASKS.names())))


def chosen_metric(plan: Plan, task: Task) -> Metric | None:
    """Return the metric that a plan asks for, None for none; ValueError where it does not fit."""
    if plan.metric is None:
        if plan.metric_parameters:
            raise RefusedError(answering.parameters_of_no_metric(tuple(plan.metric_parameters)))
        return None
    metric = METRICS.get(plan.metric)
    if metric.name not in task.metrics:
        raise RefusedError(answering.of_another_metric(metric.title, task.metrics))
    return metric.of(**{**usual_metric(task, metric.name).given, **plan.metric_parameters})


def tokens(x: Batch) -> bool:
    """Say whether inputs (N, places) are whole numbers, as tokens of a text are."""
    return isinstance(x, Tensor) and x.dtype in (torch.int32, torch.int64)
