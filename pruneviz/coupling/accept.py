"""Which networks can be looked into at all; the others are refused in a sentence."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from pruneviz.coupling.study import feed, where


def accept(model: nn.Module) -> None:
    """Raise ValueError, with the remedy, for a network that no trace can look into."""
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError(
            "this model is scripted, and a script cannot be cut: give the module it was made from"
        )
    if hasattr(model, "_orig_mod"):
        raise ValueError(
            "this model is compiled: give the one from before torch.compile, and compile the "
            "pruned one again"
        )
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if is_lazy(tensor):
            raise ValueError(f"'{name}' has no shape yet: run the model once on an input, then ask")
        if tensor.is_meta:
            raise ValueError(f"'{name}' is on the device 'meta' and has no values: load them first")


def answer(model: nn.Module, example: Any) -> Any:
    """Return the model's answer; ValueError names the module in which its forward pass fails."""
    failed: list[str] = []
    try:
        with where(model, failed):
            return feed(model, example)
    # Any code of any user: whatever it raises, the model does not run on its example.
    except Exception as error:
        at = f" in '{failed[0]}'" if failed and failed[0] else ""
        line = (str(error).splitlines() or [""])[0]
        raise ValueError(
            f"the model does not run on its example: {type(error).__name__}{at}: {line}"
        ) from error
