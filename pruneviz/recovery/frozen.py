"""What the network's author froze (`requires_grad=False`) stays as it is in every recovery."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pruneviz.wording import Fact, retrained

SHOWN = 5  # names that are spelled out


def held(original: nn.Module, frozen: Collection[str]) -> frozenset[str]:
    """Return the parameters, by name, that a recovery leaves as they are.

    Where all are frozen, none is: that is how networks are handed over for inference, and says
    nothing of what may be trained.
    """
    names = [name for name, p in original.named_parameters() if p.is_floating_point()]
    return frozenset() if set(names) <= set(frozen) else frozenset(frozen)


def frozen_note(original: nn.Module, frozen: Collection[str]) -> Fact | None:
    """Return what stays as it is, None for a network that freezes nothing."""
    if not frozen:
        return None
    staying = held(original, frozen)
    if not staying:
        return retrained.all_frozen()
    names = [name for name, _ in original.named_parameters() if name in staying]
    return retrained.some_frozen(len(names), ", ".join(names[:SHOWN]), len(names) - SHOWN)


def thaw(model: nn.Module, staying: Collection[str]) -> list[nn.Module]:
    """Let all parameters that do not stay require gradients, and no other.

    Returns the BatchNorms whose parameters all stay: their statistics are to stay, too.
    """
    every = dict(model.named_parameters(remove_duplicate=False))
    ids = {id(every[name]) for name in staying if name in every}
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.is_floating_point() and id(parameter) not in ids)
    return [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm)
        and (own := list(module.parameters(recurse=False)))
        and not any(parameter.requires_grad for parameter in own)
    ]
