"""Metrics of training: what is counted of each input, gathered from all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pruneviz.evaluate import predict
from pruneviz.metrics import Metric, Tally
from pruneviz.network.answers import logits_of
from pruneviz.network.inputs import Batch, some
from pruneviz.recovery.method import RecoveryRequest
from pruneviz.recovery.rows import answered, interval_of
from pruneviz.recovery.training.class_weights import class_weights
from pruneviz.recovery.training.device import world_size
from pruneviz.recovery.training.settings import Settings
from pruneviz.recovery.training.states import copied
from pruneviz.report import Interval
from pruneviz.subjects import Data
from pruneviz.tasks import Answers, Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from pruneviz.stepwise import State

ENOUGH = 2  # inputs whose outputs show of what shape all are


class Meter:
    """Mean loss and metric over the batches that are shown to it."""

    def __init__(self, task: Task, metric: Metric, device: torch.device) -> None:
        """Begin with nothing seen."""
        from torchmetrics.aggregation import MeanMetric  # here: importing it takes seconds

        self._task, self._metric, self._device = task, metric, device
        self._loss = MeanMetric(nan_strategy="disable").to(device)
        self._loss.persistent(True)
        self._seen: dict[str, list[Tensor]] = {name: [] for name in metric.needs}

    def add(self, loss: Tensor, answers: Answers, y: Tensor) -> None:
        """Take a batch: its mean loss, what the task keeps of its output, and targets, (B, …)."""
        self._loss.update(loss.detach(), weight=len(y))
        tally = self._task.tally(answers, y)
        for name, columns in self._seen.items():
            columns.append(copied(tally[name]))

    def result(self) -> tuple[float, Tally]:
        """Return mean loss and tally of all inputs, those of all processes; begin anew."""
        loss = float(self._loss.compute())
        self._loss.reset()
        tally = {name: gathered(torch.cat(c), self._device) for name, c in self._seen.items()}
        for columns in self._seen.values():
            columns.clear()
        return loss, tally

    def state(self) -> State:
        """Return what was seen so far."""
        return {
            "loss": self._loss.state_dict(),
            "seen": {name: torch.cat(c) for name, c in self._seen.items() if c},
        }

    def restore(self, state: State) -> None:
        """Go on from what was seen."""
        self._loss.load_state_dict(state["loss"])
        self._seen = {name: [] for name in self._metric.needs}
        for name, column in state["seen"].items():
            self._seen[name].append(column)


def gathered(column: Tensor, device: torch.device) -> Tensor:
    """Return the rows (N, …) of all processes, who took them in turn, in order on the CPU."""
    from torchmetrics.utilities.distributed import gather_all_tensors

    if world_size() == 1:
        return column
    parts = [part.cpu() for part in gather_all_tensors(column.to(device))]
    total = sum(map(len, parts))
    places = [torch.arange(rank, total, len(parts)) for rank in range(len(parts))]
    return torch.cat(parts)[torch.cat(places).argsort()]


def judge(
    fabric: Fabric, asked: RecoveryRequest, model: nn.Module, x: Batch, y: Tensor
) -> tuple[float, float, Interval | None]:
    """Return mean loss, metric and interval of a model in eval mode on x (N, …), y (N, …).

    Every process judges its share, and all know the result.
    """
    share = slice(fabric.global_rank, None, fabric.world_size)
    mine_x, mine_y = some(x, share).to(fabric.device), y[share].to(fabric.device)
    meter, metric = Meter(asked.task, asked.judge, fabric.device), asked.judge
    answers, loss = answered(asked.task, model, mine_x, mine_y)
    meter.add(loss, answers, mine_y)
    mean, tally = meter.result()
    return mean, metric.combine(tally), interval_of(metric, tally)


def check_targets(model: nn.Module, data: Data, task: Task, settings: Settings) -> None:
    """Raise ValueError where targets are not of the task, or labels of no class of the model.

    And where the settings weigh classes that there are not.
    """
    class_weights(settings.class_weights, data, task, data.train_y)
    if not task.labelled:
        few = some(data.train_x, slice(ENOUGH))
        with torch.inference_mode():
            output = task.scores(logits_of(model, few))
        fault = task.misfit(output, data.train_y[:ENOUGH])
        if fault is not None:
            raise RefusedError(fault)
        task.loss(output, data.train_y[:ENOUGH])  # a task may say that it has none
        return
    classes = int(predict(model, some(data.x, slice(ENOUGH))).shape[1])
    for part, y in (("training", data.train_y), ("held-out", data.y)):
        if int(y.min()) < 0 or int(y.max()) >= classes:
            low, high = int(y.min()), int(y.max())
            raise RefusedError(training.labels_beyond_outputs(part, low, high, classes))
