"""What a model is for and what judges it: as its source or a plan says, else as its data show."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pruneviz.metrics import METRICS, Metric
from pruneviz.network.inputs import Batch
from pruneviz.plan import Plan
from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.tasks import CLASSIFICATION, IGNORED, TASKS, Task
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.tasks.segmentation import Segmentation
from pruneviz.tasks.task import usual_metric
from pruneviz.tasks.token_classification import TokenClassification
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import answering, mask_files, text_files


def chosen_task(plan: Plan, own: Task | None) -> Task | None:
    """Return the task that a plan names, else the source's own; None where neither says one."""
    if plan.task is None or (own is not None and task_name(own) == plan.task):
        return own
    if plan.task == "classification":
        return CLASSIFICATION
    return TASKS.get(plan.task).implementation()


def found_task(target: Tensor | None) -> Task:
    """Return the task that targets (N, …) are of.

    Numbers in place of labels are a regression's, boxes (N, most, 5) detection's, and masks of
    whole numbers (N, H, W) a segmentation's.
    """
    if target is not None and target.is_floating_point() and target.dim() == 3:
        return TASKS.get("detection").implementation()
    if target is not None and target.is_floating_point():
        return TASKS.get("regression").implementation()
    if target is not None and target.dim() == 3:
        return TASKS.get("segmentation").implementation()
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


def refuse_other_than_maps(own: Task | None, title: str) -> None:
    """Raise RefusedError where a model is known to be for another task than segmentation."""
    if own is not None and not isinstance(own, Segmentation):
        raise RefusedError(mask_files.no_segmentation(title))


def classes_of_maps(output: Any, targets: Tensor) -> int:
    """Return how many classes an output (N, classes, H, W) has; RefusedError where it has none.

    Masks (N, H, W) must be as large; which classes they show is not asked.
    """
    task = Segmentation()
    scores, masks = task.scores(output), (int(targets.shape[2]), int(targets.shape[1]))
    if isinstance(scores, Tensor) and scores.dim() == 4:
        _, count, height, width = scores.shape
        if (width, height) != masks:
            raise RefusedError(mask_files.smaller_maps((width, height), masks))
        if count == 1:
            raise RefusedError(mask_files.single_score())
    check_task(task, output, torch.full_like(targets, IGNORED))
    return int(scores.shape[1])


def classes_of_tokens(output: Any, targets: Tensor) -> int:
    """Return how many classes an output (N, places, classes) has; RefusedError for none."""
    task = TokenClassification()
    check_task(task, output, torch.full_like(targets, IGNORED))
    return int(task.scores(output).shape[2])


def refuse_other_than_texts(own: Task | None, title: str, tokenizer: Tokenizer | None) -> None:
    """Raise RefusedError where a model has no tokenizer, or gives texts no labels."""
    whole = isinstance(own, LanguageModelling)
    if whole or (isinstance(own, Segmentation) and not isinstance(own, TokenClassification)):
        raise RefusedError(text_files.texts_of_another_task(title, whole))
    if tokenizer is None:
        raise RefusedError(text_files.no_tokenizer(title))


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
