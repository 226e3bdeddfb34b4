"""Networks in which every unit counts, so that a proof on them means something."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.coupling.accept import answer, ready
from pruneviz.network.duplicate import duplicate
from pruneviz.network.study import study

SHUT = 1e-3  # a gate or scale below it lets no error of what it gates be seen
_BatchNorm = nn.modules.batchnorm._BatchNorm


def perturbed(model: nn.Module, example: Any, seed: int = 0) -> nn.Module:
    """Return a copy whose output depends on every unit: a proof on it means something.

    Constant parameters (scales of 1, biases and zero-initialised layers) get noise, so do gates
    that are all but shut, and BatchNorm takes its statistics from `example`, (B ≥ 2, …). The model
    itself is left as it was.
    """
    model = ready(model, example)
    alive = duplicate(perturbed_sharing(model, example, seed))
    if not _norms_of(alive):
        with torch.no_grad():
            answer(study(alive), example)
    return alive


def _norms_of(model: nn.Module) -> list[_BatchNorm]:
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]


def _silent(parameter: Tensor) -> bool:
    """Whether nothing, or the same of all units, comes through a parameter."""
    if not parameter.is_floating_point() or not parameter.numel():
        return False
    if parameter.numel() == 1 or bool(parameter.detach().abs().max() < SHUT):
        return bool(parameter.detach().abs().max() < SHUT)
    return bool(parameter.detach().std() < 1e-8)


def perturbed_sharing(model: nn.Module, example: Any, seed: int = 0) -> nn.Module:
    """Return what `perturbed` returns, sharing with the model all tensors that are as they were."""
    generator = torch.Generator().manual_seed(seed)
    others: dict[int, Tensor] = {}
    with torch.no_grad():
        for parameter in model.parameters():
            if _silent(parameter):
                noise = torch.randn(parameter.shape, generator=generator).to(parameter.dtype)
                noisy = parameter.detach().clone().add_(noise, alpha=0.1)
                others[id(parameter)] = nn.Parameter(noisy, parameter.requires_grad)
        for norm in _norms_of(model):
            others.update((id(tensor), tensor.clone()) for tensor in norm.buffers(recurse=False))
        alive = study(model, others)
        norms = _norms_of(alive)
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.train()
            norm.momentum = 1.0
        if norms:
            answer(alive, example)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.eval()
            norm.momentum = momentum
    return alive
