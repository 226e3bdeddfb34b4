"""Masks: for each parameter a boolean tensor of its shape, True where a weight stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.network.duplicate import duplicate
from pruneviz.network.folding import folded
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import tracing

Masks = dict[str, Tensor]


def combine(parts: Iterable[Masks]) -> Masks:
    """Return masks under which a weight stays only if every part lets it stay."""
    combined: Masks = {}
    for part in parts:
        for name, mask in part.items():
            combined[name] = combined[name] & mask if name in combined else mask
    return combined


def check(model: nn.Module, masks: Masks) -> None:
    """Raise ValueError where a mask names no parameter of the model or has another shape."""
    shapes = {name: tuple(p.shape) for name, p in folded(model).named_parameters()}
    for name, mask in masks.items():
        if name not in shapes:
            raise RefusedError(tracing.no_parameter_of_mask(name))
        if tuple(mask.shape) != shapes[name] or mask.dtype != torch.bool:
            raise RefusedError(
                tracing.mask_of_another_shape(
                    name, str(mask.dtype), tuple(mask.shape), shapes[name]
                )
            )


def kept(masks: Masks) -> dict[str, int]:
    """Return how many weights of each masked parameter stay."""
    return {name: int(mask.count_nonzero()) for name, mask in masks.items()}


def with_parameters(model: nn.Module, replaced: Mapping[str, Tensor]) -> nn.Module:
    """Return a copy of a model in which some parameters or buffers have other values or shapes.

    Tensors that are shared in the model stay shared in the copy, and nothing that is replaced is
    copied first. The model itself is left as it was.
    """
    model = folded(model)
    memo: dict[int, Any] = {}
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if name in replaced:
            new = replaced[name].detach().contiguous()
            is_parameter = isinstance(tensor, nn.Parameter)
            memo[id(tensor)] = nn.Parameter(new, tensor.requires_grad) if is_parameter else new
    return duplicate(model, memo)


def masked(model: nn.Module, masks: Masks) -> nn.Module:
    """Return a copy of the model with every removed weight set to exactly 0."""
    model = folded(model)
    check(model, masks)
    parameters = dict(model.named_parameters())
    return with_parameters(
        model,
        {name: torch.where(mask, parameters[name], 0.0) for name, mask in masks.items()},
    )
