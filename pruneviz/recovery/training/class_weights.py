"""How much each class counts in training: alike, balanced against its share, or as is said."""

from __future__ import annotations

from math import isfinite
from typing import Any

import torch
from torch import Tensor

from pruneviz.registry import Parameter
from pruneviz.statistics.responses import class_number
from pruneviz.subjects import Data
from pruneviz.tasks import Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

BALANCED = "balanced"
CLASS_WEIGHTS = Parameter(
    name="class_weights",
    default="",
    help="How much an input of each class counts in the loss of the targets: nothing for all "
    "alike; balanced for inputs / (classes · inputs of the class), so that a rare class counts as "
    "much as a common one; or weights such as cat=2,dog=0.5, by name or number, 1 for the others.",
    quiet=True,
)


def class_weights(said: str, data: Data, task: Task, y: Tensor) -> Tensor | None:
    """Return the weight of each class, (classes,), for training labels `y` (M,); None for none.

    "balanced" weighs class c by M / (k · M_c), with k classes in `y` (King and Zeng 2001,
    https://doi.org/10.1093/oxfordjournals.pan.a004868). RefusedError where targets are no labels,
    or a class or its weight is none.
    """
    if not said.strip():
        return None
    if not task.labelled:
        raise RefusedError(training.weights_of_no_classes())
    classes = len(data.classes) or int(data.train_y.max()) + 1
    if said.strip() == BALANCED:
        counts = torch.bincount(y, minlength=classes).double()
        there = counts > 0
        return torch.where(there, len(y) / (there.sum() * counts.clamp_min(1)), 1.0)
    weights = torch.ones(classes, dtype=torch.float64)
    for part in filter(None, map(str.strip, said.split(","))):
        name, _, value = part.rpartition("=")
        weights[class_number(data.classes, classes, name.strip())] = _weight(part, value)
    return weights


def _weight(part: str, value: str) -> float:
    try:
        weight = float(value)
    except ValueError:
        weight = -1.0
    if not isfinite(weight) or weight <= 0:
        raise RefusedError(training.no_class_weight(part))
    return weight


def loss_of_targets(task: Task, output: Any, y: Tensor, weights: Tensor | None) -> Tensor:
    """Return the task's mean loss of an output with targets y, (B, …), of labels weighted by class.

    As torch's cross_entropy has it: Σ w_y · L / Σ w_y over the batch.
    """
    if weights is None:
        return task.loss(output, y)
    losses = task.loss(output, y, "none")
    each = weights.to(losses)[y]
    return (each * losses).sum() / each.sum()
