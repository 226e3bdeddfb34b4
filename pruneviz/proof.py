"""The proof that what is offered for cutting can be cut: masked and cut network answer alike."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import Applied, apply
from pruneviz.criteria import Evidence, score
from pruneviz.granularity import GRANULARITIES, Units
from pruneviz.measure.cost import parameters_by_name
from pruneviz.plan import Plan
from pruneviz.report import Skipped

TOLERANCE = 1e-4  # of the largest output: above it, preview and cut are not the same thing

_BatchNorm = nn.modules.batchnorm._BatchNorm


def lively(model: nn.Module, example: Tensor, seed: int = 0) -> nn.Module:
    """Return a copy whose output depends on every unit: a proof on it means something.

    Constant parameters (scales of 1, biases and zero-initialised layers) get noise, and BatchNorm
    takes its statistics from `example`, (B ≥ 2, …). The model itself is left as it was.
    """
    alive = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in alive.parameters():
            weights = parameter.is_floating_point() and parameter.numel() > 1
            if weights and bool(parameter.std() < 1e-8):
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(noise.to(parameter.dtype), alpha=0.1)
        norms = [m for m in alive.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.train()
            norm.momentum = 1.0
        alive(example)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.eval()
            norm.momentum = momentum
    return alive


def prove(applied: Applied, example: Tensor) -> float:
    """Return the masked-to-cut error on `example`, (B, …); ValueError if the cut does not hold."""
    try:
        error = applied.max_relative_error(example)
    except ValueError:
        raise
    except Exception as failure:
        # Any code of any user: whatever its forward pass raises says that it cannot be cut so.
        raise ValueError(
            "the cut network does not run, its code holds a fixed size: "
            f"{(str(failure).splitlines() or [type(failure).__name__])[0]}"
        ) from failure
    if not error <= TOLERANCE:
        raise ValueError(
            f"the cut network differs from the masked one by {error:.2g} of its output: its code "
            "depends on how many units there are, or on their order"
        )
    return error


def provable(
    model: nn.Module, example: Tensor, units: tuple[Units, ...]
) -> tuple[tuple[Units, ...], tuple[Skipped, ...]]:
    """Split units into those whose cut is proved on `example`, and the others with the reason.

    Half of every layer is cut at once; only where that fails are the layers tried one after
    another, each together with those already proved.
    """
    if not any(layer.axis_keep(torch.ones(layer.count, dtype=torch.bool)) for layer in units):
        return units, ()  # nothing is cut out, so nothing can be cut wrongly
    alive = lively(model, example)
    if _fault(alive, example, units) is None:
        return units, ()
    proved: tuple[Units, ...] = ()
    skipped = []
    for layer in units:
        fault = _fault(alive, example, (*proved, layer))
        if fault is None:
            proved = (*proved, layer)
        else:
            skipped.append(Skipped(name=layer.name, reason=fault))
    return proved, tuple(skipped)


def _fault(alive: nn.Module, example: Tensor, units: tuple[Units, ...]) -> str | None:
    """Return why every second unit of these layers cannot be cut, None where it can."""
    keep = {layer.name: torch.arange(layer.count) % 2 == 1 for layer in units}
    try:
        prove(apply(alive, units, keep), example)
    except ValueError as fault:
        return str(fault)
    return None


def check(model: nn.Module, example: Tensor, sparsity: float) -> dict[str, object]:
    """Trace, cut and run any model, and compare the masked with the cut outputs.

    Every group of channels loses `sparsity` of its units by L1 magnitude. Needs no data: the proof
    runs on a copy with weights that let every unit reach the output.
    """
    model = lively(model, example)
    found, skipped = GRANULARITIES.get("channel").implementation(model, example)
    units, faulty = provable(model, example, found)
    skipped = (*skipped, *faulty)
    before = sum(parameters_by_name(model).values())
    error, after = 0.0, before
    if units:
        weights = {name: p.detach() for name, p in model.named_parameters()}
        ranking = Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
        keep = allocate(units, ranking, Plan(sparsity=sparsity)).keep
        applied = apply(model, units, keep)
        error = prove(applied, example)
        after = sum(parameters_by_name(applied.model).values())
    return {
        "groups": len(units),
        "units": sum(layer.count for layer in units),
        "skipped": [item.model_dump() for item in skipped],
        "parameters": {"original": before, "pruned": after},
        "max_relative_error": error,
    }
