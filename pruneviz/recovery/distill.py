"""Distillation: the pruned network learns from the original's answers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pruneviz.network.answers import logits_of
from pruneviz.network.duplicate import duplicate
from pruneviz.network.inputs import Batch
from pruneviz.recovery.method import RECOVERIES, RecoveryRequest
from pruneviz.recovery.training.class_weights import loss_of_targets
from pruneviz.recovery.training.loop import Training
from pruneviz.recovery.training.settings import TRAINING
from pruneviz.registry import Parameter, Value
from pruneviz.tasks import Task


def distillation_loss(
    task: Task,
    student: Any,
    teacher: Any,
    y: Tensor,
    temperature: float,
    weight: float,
    classes: Tensor | None = None,
) -> Tensor:
    """Return weight · T² · distance of student and teacher at T + (1 − weight) · the task's loss.

    Both are outputs of the same inputs, y their targets, (B, …). T² keeps the gradients of soft
    answers as large as those of labels (arXiv 1503.02531, section 2). `classes` are the weights of
    the classes in the loss, (classes,), None where all count alike.
    """
    apart = task.distil(student, teacher, temperature, target=y)
    own = loss_of_targets(task, student, y, classes)
    return weight * temperature**2 * apart + (1 - weight) * own


@RECOVERIES.register(
    name="distill",
    title="Distillation from the original",
    family="training",
    sentence="Fine-tuning in which the pruned network learns from the original's answers, such as "
    "how sure it is of every class, not from targets alone. Better than fine-tuning where much was "
    "removed or inputs are few; it costs the original's answer to every input on top.",
    formula="min over w of 0.9 · T² · distance(original, pruned, both at T) + 0.1 · the task's "
    "loss; of probabilities the distance is KL(p_original ‖ p_pruned)",
    source="Hinton et al. 2015, arXiv 1503.02531",
    parameters=(
        *TRAINING,
        Parameter(
            name="temperature",
            default=4.0,
            help="How much the answers of both networks are softened: higher shows more of what "
            "the original thinks of the wrong classes. It changes nothing where answers are "
            "numbers.",
            minimum=0.1,
            maximum=100.0,
        ),
        Parameter(
            name="teacher_weight",
            default=0.9,
            help="How much the original's answers count; the targets count for the rest.",
            minimum=0.0,
            maximum=1.0,
        ),
    ),
)
class Distill(Training):
    """Training on the original's answers and on targets."""

    name = "distill"
    doing = "distilling"

    def __init__(self, asked: RecoveryRequest, **settings: Value) -> None:
        """Begin; the teacher is a copy of the original, in eval mode."""
        super().__init__(asked, **settings)
        self._temperature = float(settings["temperature"])
        self._weight = float(settings["teacher_weight"])
        self._teacher = duplicate(asked.teacher).eval().to(self._fabric.device)

    def loss(self, output: Any, x: Batch, y: Tensor) -> Tensor:
        """Return the distillation loss of an output for inputs x and targets y, (B, …)."""
        with torch.no_grad(), self._fabric.autocast():
            teacher = logits_of(self._teacher, x)
        task, temperature = self._asked.task, self._temperature
        return distillation_loss(task, output, teacher, y, temperature, self._weight, self._weights)
