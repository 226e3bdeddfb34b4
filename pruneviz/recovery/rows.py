"""Points of a recovery's curve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.evaluate import joined, of_batches, predict
from pruneviz.metrics import Metric, Tally
from pruneviz.network.inputs import Batch, tensors
from pruneviz.recovery.method import RecoveryRequest
from pruneviz.recovery.training.states import copied
from pruneviz.report import ACCURACY, EpochRow, Interval
from pruneviz.tasks import Answers, Task


def held_out_row(
    asked: RecoveryRequest, step: str, model: nn.Module, device: torch.device
) -> EpochRow:
    """Return the point of a model, on `device`, that was not trained in this step."""
    data, metric = asked.data, asked.judge
    answers, loss = answered(asked.task, model, data.x.to(device), data.y)
    tally = asked.task.tally(copied(answers), data.y)
    return EpochRow(
        metric=metric.name,
        round=asked.round,
        step=step,
        epoch=asked.epochs_before,
        value=metric.combine(tally),
        interval=interval_of(metric, tally),
        held_out_loss=float(loss),
        sparsity=asked.sparsity,
    )


def answered(task: Task, model: nn.Module, x: Batch, y: Tensor) -> tuple[Answers, Tensor]:
    """Return what a task keeps of a model's outputs for x, (N, …), and the mean of their losses.

    Where answers are labels the loss is that of all together, where the targets (N, …) lie.
    """
    if task.labelled:
        logits = predict(model, x).to(y.device)
        return logits, task.loss(logits, y)

    def both(output: Any, target: Tensor) -> tuple[Answers, Tensor]:
        return task.answers(output, target), task.loss(output, target, "none")

    targets = y.to(tensors(x)[0].device)
    kept, losses = zip(*of_batches(model, x, targets, task, both), strict=True)
    return joined(kept), torch.cat(losses).mean()


def interval_of(metric: Metric, tally: Tally) -> Interval | None:
    """Return a metric's 95 % interval as a row holds it: that of an accuracy needs no inputs."""
    return None if metric.name == ACCURACY else metric.interval(tally)


def curve_state(curve: Iterable[EpochRow]) -> list[dict[str, Any]]:
    """Return a curve as plain values."""
    return [row.model_dump() for row in curve]


def read_curve(rows: Iterable[dict[str, Any]]) -> list[EpochRow]:
    """Return a curve from plain values."""
    return [EpochRow(**row) for row in rows]
