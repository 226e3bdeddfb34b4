"""The loss that criteria look at: the cross-entropy of a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pruneviz.network.answers import logits_of
from pruneviz.statistics.statistic import StatisticRequest
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

Leaves = dict[str, Tensor]


def leaves_of(model: nn.Module) -> Leaves:
    """Return the parameters as leaves of their own that ask for gradients."""
    return {
        name: parameter.detach().requires_grad_(parameter.is_floating_point())
        for name, parameter in model.named_parameters()
    }


def logits_with(model: nn.Module, weights: Mapping[str, Tensor], *inputs: Any) -> Any:
    """Return what a model with these weights answers, as logits, (B, classes)."""
    return logits_of(
        model, *inputs, call=lambda *given: functional_call(model, dict(weights), given)
    )


def loss_of(
    model: nn.Module, weights: Mapping[str, Tensor], x: Tensor, y: Tensor, reduction: str = "mean"
) -> Tensor:
    """Return the cross-entropy of a model with these weights on a batch."""
    return nn.functional.cross_entropy(logits_with(model, weights, x), y, reduction=reduction)


def check_loss(asked: StatisticRequest) -> None:
    """Raise ValueError, with the remedy, where the model has no loss that can be derived."""
    samples = asked.samples
    with torch.no_grad():
        out = asked.model(samples.x[:1])
    if not isinstance(out, Tensor) or out.ndim != 2 or not out.is_floating_point():
        shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise RefusedError(choosing.no_class_scores(asked.criterion, shape))
    if int(samples.y.max()) >= out.shape[1] or int(samples.y.min()) < 0:
        raise RefusedError(choosing.more_classes_than_outputs(int(samples.y.max()), out.shape[1]))
    with torch.enable_grad():
        loss = loss_of(asked.model, leaves_of(asked.model), samples.x[:1], samples.y[:1])
    if not loss.requires_grad:
        raise RefusedError(choosing.no_gradients(asked.criterion))
