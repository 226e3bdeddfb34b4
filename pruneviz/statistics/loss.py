"""The loss that criteria look at, which the task says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.network.answers import logits_of
from pruneviz.network.inputs import Given, call, first_input, some
from pruneviz.statistics.statistic import StatisticRequest
from pruneviz.tasks import Reduction, Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

Leaves = dict[str, Tensor]
LOOKED_AT = 8  # samples: at one alone every unit may be off


def leaves_of(model: nn.Module) -> Leaves:
    """Return the parameters as leaves of their own that ask for gradients."""
    return {
        name: parameter.detach().requires_grad_(parameter.is_floating_point())
        for name, parameter in model.named_parameters()
    }


def logits_with(model: nn.Module, weights: Mapping[str, Tensor], given: Given) -> Any:
    """Return what a model with these weights answers, as logits, (B, classes)."""
    return logits_of(model, given, weights=weights)


def loss_of(
    task: Task,
    model: nn.Module,
    weights: Mapping[str, Tensor],
    x: Given,
    y: Tensor,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the task's loss of a model with these weights on a batch."""
    return task.loss(logits_with(model, weights, x), y, reduction)


def check_loss(asked: StatisticRequest) -> None:
    """Raise ValueError, with the remedy, where the model has no loss."""
    samples = asked.samples
    with torch.no_grad():
        out = call(asked.model, some(samples.x, slice(1)))
    why = asked.task.misfit(out, samples.y)
    if why is not None:
        raise RefusedError(choosing.no_loss(asked.criterion, why))


def check_derivatives(asked: StatisticRequest) -> None:
    """Raise RefusedError, with the remedy, where no answer changes with any weight by a slope.

    Whole numbers, and what is chosen by value, have no slope, or one of 0 wherever one looks.
    """
    given = asked.given
    has_data = given is not None and len(given.y) > 0
    shown = first_input(asked.example)
    if given is not None and has_data:
        shown = some(given.x, slice(min(LOOKED_AT, given.at_once)))
    leaves = leaves_of(asked.model)
    with torch.enable_grad():
        out = logits_with(asked.model, leaves, shown)
    answers = [t for t in tree_leaves(out) if isinstance(t, Tensor) and t.requires_grad]
    uneven = [torch.arange(1.0, t.numel() + 1).view_as(t).to(t.dtype) for t in answers]
    wanted = [leaf for leaf in leaves.values() if leaf.requires_grad]
    found = torch.autograd.grad(answers, wanted, uneven, allow_unused=True) if answers else ()
    if not any(bool(each.any()) for each in found if each is not None):
        raise RefusedError(choosing.no_slope(asked.criterion, measured=has_data))
