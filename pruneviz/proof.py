"""The proof that what is offered for cutting can be cut: masked and cut network answer alike."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import Applied, apply
from pruneviz.coupling.accept import accept, answer
from pruneviz.coupling.layouts import FIRST_LAYOUT, HELD
from pruneviz.coupling.study import feed, first_input, study, where
from pruneviz.criteria import Evidence, score
from pruneviz.granularity import GRANULARITIES, Units
from pruneviz.measure.cost import parameters_by_name
from pruneviz.plan import Plan
from pruneviz.registry import Value
from pruneviz.report import Skipped

TOLERANCE = 1e-4  # of the largest output: above it, preview and cut are not the same thing


class CutError(ValueError):
    """A cut that does not hold; `owner` is the path of the module in which it failed, if known."""

    def __init__(self, sentence: str, owner: str | None = None) -> None:
        super().__init__(sentence)
        self.owner = owner


_BatchNorm = nn.modules.batchnorm._BatchNorm


def lively(model: nn.Module, example: Any, seed: int = 0) -> nn.Module:
    """Return a copy whose output depends on every unit: a proof on it means something.

    Constant parameters (scales of 1, biases and zero-initialised layers) get noise, and BatchNorm
    takes its statistics from `example`, (B ≥ 2, …). The model itself is left as it was.
    """
    accept(model)
    alive = copy.deepcopy(study(model))
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
        answer(alive, example)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.eval()
            norm.momentum = momentum
    return alive


def prove(applied: Applied, example: Any) -> float:
    """Return the masked-to-cut error on `example`, (B, …); ValueError if the cut does not hold."""
    owners: list[str] = []
    try:
        with where(applied.model, owners):
            error = applied.max_relative_error(example)
    except ValueError:
        raise
    except Exception as failure:
        # Any code of any user: whatever its forward pass raises says that it cannot be cut so.
        raise CutError(
            "the cut network does not run, its code holds a fixed size: "
            f"{(str(failure).splitlines() or [type(failure).__name__])[0]}",
            owners[0] if owners else None,
        ) from failure
    if not error <= TOLERANCE:
        raise CutError(
            f"the cut network differs from the masked one by {error:.2g} of its output: its code "
            "depends on how many units there are, or on their order"
        )
    return error


def find_units(
    model: nn.Module,
    example: Any,
    granularity: str,
    parameters: Mapping[str, Value] | None = None,
) -> tuple[tuple[Units, ...], tuple[Skipped, ...]]:
    """Return a model's units whose cut is proved on `example`, and what is left out, with reasons.

    `parameters` are the granularity's own. A view that splits channels can be read in several
    ways: where the cut does not hold as it was read first, the model is traced again with the next
    reading.
    """
    accept(model)
    entry = GRANULARITIES.get(granularity)
    settings = entry.settings(parameters or {})
    layouts: dict[str, int] = {}
    alive, one = None, _smallest(model, example)
    while True:
        found, skipped = entry.implementation(model, one, layouts, **settings)
        if not any(layer.axis_keep(torch.ones(layer.count, dtype=torch.bool)) for layer in found):
            return found, skipped  # nothing is cut out, so nothing can be cut wrongly
        alive = lively(model, example) if alive is None else alive
        fault = _fault(alive, one, found)
        if fault is None:
            return found, skipped
        again = _next_readings(layouts, _blamed(alive, found, fault))
        if not again:
            proved, faulty = provable(alive, one, found)
            names = {layer.name for layer in faulty}
            doubted = {c for layer in found if layer.name in names for c in layer.choices}
            again = _next_readings(layouts, doubted)
            if not again:
                return proved, (*skipped, *faulty)
        layouts.update(again)


def _blamed(alive: nn.Module, found: tuple[Units, ...], fault: CutError) -> set[tuple[str, str]]:
    """Return the choices of the modules like the one in which the cut network failed."""
    if fault.owner is None:
        return set()
    kind = type(alive.get_submodule(fault.owner))
    choices = {choice for layer in found for choice in layer.choices}
    return {choice for choice in choices if type(alive.get_submodule(choice[1])) is kind}


def _next_readings(layouts: Mapping[str, int], doubted: set[tuple[str, str]]) -> dict[str, int]:
    """Return the next reading of each doubted call that has one."""
    read = {key: layouts.get(key, FIRST_LAYOUT) + 1 for key, _ in doubted}
    return {key: layout for key, layout in read.items() if layout <= HELD}


def provable(
    alive: nn.Module, example: Any, units: tuple[Units, ...]
) -> tuple[tuple[Units, ...], tuple[Skipped, ...]]:
    """Split units into those whose cut is proved on `example`, and the others with the reason.

    Half of every layer is cut at once. Where that fails in a module, the units that reach into it
    are set aside and tried one after another; where nobody knows where it fails, the layers are
    halved until the faulty ones are alone. `alive` is a model as `lively` returns it.
    """
    waiting, aside = units, list[Units]()
    while waiting:
        fault = _fault(alive, example, waiting)
        if fault is None:
            break
        suspects = tuple(layer for layer in waiting if _reaches(layer, fault.owner))
        if not suspects:
            break
        aside += suspects
        waiting = tuple(layer for layer in waiting if layer not in suspects)
    proved, skipped = _halved(alive, example, waiting, ())
    for layer in aside:
        more, faulty = _halved(alive, example, (layer,), proved)
        proved, skipped = more, [*skipped, *faulty]
    return tuple(layer for layer in units if layer in proved), tuple(skipped)


def _reaches(layer: Units, owner: str | None) -> bool:
    """Whether units take something along that belongs to a module."""
    whole = torch.ones(layer.count, dtype=torch.bool)
    return bool(owner) and any(name.startswith(f"{owner}.") for name, _ in layer.axis_keep(whole))


def _halved(
    alive: nn.Module, example: Any, units: tuple[Units, ...], proved: tuple[Units, ...]
) -> tuple[tuple[Units, ...], list[Skipped]]:
    """Return what is proved and what is proved besides, halving what fails, and the faulty ones."""
    skipped = []
    waiting = [units] if units else []
    while waiting:
        some = waiting.pop()
        fault = _fault(alive, example, (*proved, *some))
        if fault is None:
            proved = (*proved, *some)
        elif len(some) == 1:
            skipped.append(Skipped(name=some[0].name, reason=str(fault)))
        else:
            half = len(some) // 2
            waiting += [some[half:], some[:half]]
    return proved, skipped


def _smallest(model: nn.Module, example: Any) -> Any:
    """Return an example of one input, or the whole one where the model's code wants as many."""
    one = first_input(example)
    try:
        with torch.no_grad():
            feed(study(model), one)
    # Any code of any user: whatever it raises, it runs on what it was given.
    except Exception:
        return example
    return one


def _fault(alive: nn.Module, example: Any, units: tuple[Units, ...]) -> CutError | None:
    """Return why every second unit of these layers cannot be cut, None where it can."""
    keep = {layer.name: torch.arange(layer.count) % 2 == 1 for layer in units}
    try:
        prove(apply(alive, units, keep), example)
    except CutError as fault:
        return fault
    except ValueError as fault:
        return CutError(str(fault))
    return None


def check(model: nn.Module, example: Any, sparsity: float) -> dict[str, object]:
    """Trace, cut and run any model, and compare the masked with the cut outputs.

    Every group of channels loses `sparsity` of its units by L1 magnitude. Needs no data: the proof
    runs on a copy with weights that let every unit reach the output.
    """
    model = lively(model, example)
    units, skipped = find_units(model, example, "channel")
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
