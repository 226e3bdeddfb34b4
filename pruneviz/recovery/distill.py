"""Distillation: the pruned network learns from the original's answers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from pruneviz.network.answers import logits_of
from pruneviz.network.duplicate import duplicate
from pruneviz.recovery.method import RECOVERIES, Task
from pruneviz.recovery.training.loop import Training
from pruneviz.recovery.training.settings import TRAINING
from pruneviz.registry import Parameter, Value


def distillation_loss(
    student: Tensor, teacher: Tensor, y: Tensor, temperature: float, weight: float
) -> Tensor:
    """Return weight · T² · KL(teacher‖student at T) + (1 − weight) · cross-entropy.

    Logits are (B, classes), labels (B,). T² keeps the gradients of soft answers as large as those
    of labels (arXiv 1503.02531, section 2).
    """
    soft, target = log_softmax(student / temperature, 1), log_softmax(teacher / temperature, 1)
    divergence = kl_div(soft, target, reduction="batchmean", log_target=True)
    return weight * temperature**2 * divergence + (1 - weight) * cross_entropy(student, y)


@RECOVERIES.register(
    name="distill",
    title="Distillation from the original",
    family="training",
    sentence="Fine-tuning in which the pruned network learns from how sure the original is of "
    "every class, not from labels alone. Better than fine-tuning where much was removed or inputs "
    "are few; it costs the original's answer to every input on top.",
    formula="min over w of 0.9 · T² · KL(p_original ‖ p_pruned, both at T) + 0.1 · cross-entropy",
    source="Hinton et al. 2015, arXiv 1503.02531",
    parameters=(
        *TRAINING,
        Parameter(
            name="temperature",
            default=4.0,
            help="How much the answers of both networks are softened: higher shows more of what "
            "the original thinks of the wrong classes.",
            minimum=0.1,
            maximum=100.0,
        ),
        Parameter(
            name="teacher_weight",
            default=0.9,
            help="How much the original's answers count; the labels count for the rest.",
            minimum=0.0,
            maximum=1.0,
        ),
    ),
)
class Distill(Training):
    """Training on the original's answers and on labels."""

    name = "distill"
    doing = "distilling"

    def __init__(self, task: Task, **settings: Value) -> None:
        """Begin; the teacher is a copy of the task's, in eval mode."""
        super().__init__(task, **settings)
        self._temperature = float(settings["temperature"])
        self._weight = float(settings["teacher_weight"])
        self._teacher = duplicate(task.teacher).eval().to(self._fabric.device)

    def loss(self, logits: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Return the distillation loss of logits (B, classes) for inputs x and labels y (B,)."""
        with torch.no_grad(), self._fabric.autocast():
            teacher = logits_of(self._teacher, x)
        return distillation_loss(logits, teacher, y, self._temperature, self._weight)
