"""Saved states of recoveries: copies of tensors, checked when they are read back."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from pruneviz.stepwise import State
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

T = TypeVar("T")


def copied(values: T) -> T:
    """Return nested values with every tensor copied to the CPU, so that training leaves it be."""
    copies: T = tree_map_only(Tensor, lambda t: t.detach().to("cpu", copy=True), values)
    return copies


def refuse_other(method: str, state: State) -> None:
    """Raise ValueError unless a state is one of this method."""
    if state.get("method") != method:
        raise RefusedError(training.state_of_another_method(str(state.get("method")), method))


def load(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy tensors into a model; ValueError where they are those of another network."""
    own = model.state_dict()
    if own.keys() != tensors.keys() or any(own[n].shape != t.shape for n, t in tensors.items()):
        raise RefusedError(training.weights_of_another_network())
    model.load_state_dict(tensors)


def finite(model: nn.Module) -> bool:
    """Return whether no weight and no statistic of a model is NaN or infinite."""
    tensors = [t for t in model.state_dict().values() if t.is_floating_point() and t.numel()]
    norms = torch._foreach_norm(tensors) if tensors else []
    # the norm of finite weights overflows for 1e19 and more, from which nothing is won back either
    return all(bool(torch.isfinite(norm)) for norm in norms)
