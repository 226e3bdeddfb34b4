"""Metrics of training by torchmetrics, which gathers them from all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pruneviz.evaluate import predict
from pruneviz.subjects import Data
from pruneviz.tasks import Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from pruneviz.stepwise import State


class Meter:
    """Mean loss and accuracy over the batches that are shown to it."""

    def __init__(self, classes: int, device: torch.device) -> None:
        """Begin with nothing seen."""
        from torchmetrics.aggregation import MeanMetric  # here: importing it takes seconds
        from torchmetrics.classification import MulticlassAccuracy

        self._loss = MeanMetric(nan_strategy="disable").to(device)
        self._accuracy = MulticlassAccuracy(classes, average="micro", validate_args=False).to(
            device
        )
        for metric in (self._loss, self._accuracy):
            metric.persistent(True)

    def add(self, loss: Tensor, logits: Tensor, y: Tensor) -> None:
        """Take a batch: its mean loss, its logits (B, classes) and labels (B,)."""
        self._loss.update(loss.detach(), weight=len(y))
        self._accuracy.update(logits.detach(), y)

    def result(self, samples: int) -> tuple[float, float]:
        """Return mean loss and accuracy over `samples` inputs, exact to the input; begin anew."""
        loss, accuracy = float(self._loss.compute()), float(self._accuracy.compute())
        self._loss.reset()
        self._accuracy.reset()
        return loss, round(accuracy * samples) / samples

    def state(self) -> State:
        """Return what was seen so far."""
        return {"loss": self._loss.state_dict(), "accuracy": self._accuracy.state_dict()}

    def restore(self, state: State) -> None:
        """Go on from what was seen."""
        self._loss.load_state_dict(state["loss"])
        self._accuracy.load_state_dict(state["accuracy"])


def judge(
    fabric: Fabric, task: Task, model: nn.Module, x: Tensor, y: Tensor, classes: int
) -> tuple[float, float]:
    """Return the task's mean loss and accuracy of a model in eval mode on x (N, …), y (N,).

    Every process judges its share, and all know the result.
    """
    share = slice(fabric.global_rank, None, fabric.world_size)
    mine_x, mine_y = x[share].to(fabric.device), y[share].to(fabric.device)
    meter = Meter(classes, fabric.device)
    logits = predict(model, mine_x).clone()  # a normal tensor, as torchmetrics keeps what it sees
    meter.add(task.loss(logits, mine_y), logits, mine_y)
    return meter.result(len(y))


def outputs(model: nn.Module, data: Data) -> int:
    """Return how many classes the model tells apart; ValueError where a label is none of them."""
    classes = int(predict(model, data.x[:2]).shape[1])
    for part, y in (("training", data.train_y), ("held-out", data.y)):
        if int(y.min()) < 0 or int(y.max()) >= classes:
            low, high = int(y.min()), int(y.max())
            raise RefusedError(training.labels_beyond_outputs(part, low, high, classes))
    return classes
