"""Which networks can be looked into at all; the others are refused in a sentence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from pruneviz.coupling.study import feed, where

QUANTIZED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")


def accept(model: nn.Module) -> None:
    """Raise ValueError, with the remedy, for a network that no trace can look into."""
    for path, module in model.named_modules():
        name = f"'{path}'" if path else "this model"
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"{name} is scripted, and a script cannot be cut: give the module it was made from"
            )
        if "_orig_mod" in module._modules:
            raise ValueError(
                f"{name} is compiled: give the one from before torch.compile, and compile the "
                "pruned one again"
            )
        if type(module).__module__.startswith(QUANTIZED):
            raise ValueError(
                f"{name} is quantised, and its numbers cannot be cut: prune the network from "
                "before quantisation, and quantise the pruned one"
            )
        _accept_kept(path, module)
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if is_lazy(tensor):
            raise ValueError(f"'{name}' has no shape yet: run the model once on an input, then ask")
        if tensor.is_meta:
            raise ValueError(f"'{name}' is on the device 'meta' and has no values: load them first")


def _accept_kept(path: str, module: nn.Module) -> None:
    """Raise ValueError for a tensor that a module keeps beside the parameters it is made of."""
    for name, value in vars(module).items():
        if not isinstance(value, Tensor):
            continue
        place = f"{path}.{name}" if path else name
        if f"{name}_orig" in module._parameters and f"{name}_mask" in module._buffers:
            raise ValueError(
                f"'{place}' is masked by torch.nn.utils.prune: say "
                f"torch.nn.utils.prune.remove(module, '{name}') first"
            )
        if not value.is_leaf:
            raise ValueError(
                f"'{place}' is computed from parameters and kept, so the model cannot be "
                "copied: use torch.nn.utils.parametrizations (weight_norm), or remove it first"
            )


def answer(model: nn.Module, example: Any) -> Any:
    """Return the model's answer; ValueError names the module in which its forward pass fails.

    What it draws at random is as if it had not been asked.
    """
    empty = [leaf for leaf in tree_leaves(example) if isinstance(leaf, Tensor) and not leaf.numel()]
    if empty:
        raise ValueError(
            f"the example holds an input without a single value, of shape {tuple(empty[0].shape)}: "
            "give one sample or more"
        )
    failed: list[str] = []
    try:
        with where(model, failed), torch.random.fork_rng(devices=[]):
            return feed(model, example)
    # Any code of any user: whatever it raises, the model does not run on its example.
    except Exception as error:
        at = f" in '{failed[0]}'" if failed and failed[0] else ""
        line = (str(error).splitlines() or [""])[0]
        raise ValueError(
            f"the model does not run on its example: {type(error).__name__}{at}: {line}"
        ) from error
