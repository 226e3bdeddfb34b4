"""Scores, a budget and locks in; which units stay out, by exact, stable rank."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pruneviz.allocate.choose import Kept, chosen
from pruneviz.allocate.ranking import Ranking
from pruneviz.allocate.request import (
    MINIMUM,
    MULTIPLE,
    SCOPES,
    Costs,
    Counts,
    Request,
    decides_amount,
)
from pruneviz.granularity.units import Units
from pruneviz.plan import Plan


@dataclass(frozen=True)
class Allocation:
    """Which units stay, how much was asked (fraction of all units), and what the user must know."""

    keep: dict[str, Tensor]
    requested: float
    notes: tuple[str, ...]


def allocate(
    units: tuple[Units, ...], ranking: Ranking, plan: Plan, costs: Costs | None = None
) -> Allocation:
    """Return which units stay under a plan: exactly as many as asked, the lowest scores first.

    `costs` counts what is left of a resource, for a budget. Raises ValueError where a layer is
    unknown, or where locks make the request impossible; it says which lock stands in the way and
    what can be reached.
    """
    entry = SCOPES.get(plan.scope)
    settings = entry.settings(plan.scope_parameters)
    minimum, multiple = int(settings.pop(MINIMUM, 1)), int(settings.pop(MULTIPLE, 1))
    counts = {layer.name: layer.count for layer in units}
    aliases = _aliases(units)
    locked = _locked(plan, aliases, counts)
    request = Request(
        units=units,
        ranking=ranking.under(locked),
        counts=counts,
        sparsity=plan.sparsity,
        own=_own_sparsities(plan, aliases),
        locked=locked,
        least={layer.name: _least(layer, minimum) for layer in units},
        multiple=multiple,
        notes=[],
        costs=costs,
    )
    fixed = {name: request.layer_count(name, value) for name, value in request.own.items()}
    keep = chosen(request, fixed, entry.implementation(request, **settings))
    return Allocation(keep, *_said(request, plan.scope, keep))


def _least(layer: Units, minimum: int) -> int:
    """Return how many units of a layer must stay under a plan's minimum width."""
    return max(layer.least, min(minimum, layer.count) if minimum > 1 else 0)


def _said(request: Request, scope: str, keep: Kept) -> tuple[float, tuple[str, ...]]:
    """Return the fraction of all units that was asked for, and what the user must know."""
    total = sum(request.counts.values())
    removed = sum(int((~kept).count_nonzero()) for kept in keep.values())
    asked = _requested(request, scope)
    if request.multiple > 1:
        request.notes.append(
            f"widths are multiples of {request.multiple} or the layer's own: {removed:,} of "
            f"{total:,} units go"
        )
    if decides_amount(scope):
        asked = removed / total if total else 0.0
    return asked, tuple(dict.fromkeys(request.notes))


def set_by_hand(units: tuple[Units, ...], plan: Plan) -> frozenset[str]:
    """Return the names of the units whose sparsity a plan gives itself, whatever its scope."""
    return frozenset(_own_sparsities(plan, _aliases(units)))


def _aliases(units: tuple[Units, ...]) -> dict[str, tuple[str, ...]]:
    """Return, for every layer, the names of the units that its outputs belong to."""
    found: dict[str, tuple[str, ...]] = {}
    for each in units:
        for layer in dict.fromkeys((each.name, *each.layers)):
            found[layer] = (*found.get(layer, ()), each.name)
    return found


def _resolve(name: str, aliases: dict[str, tuple[str, ...]], what: str) -> tuple[str, ...]:
    if name not in aliases:
        close = difflib.get_close_matches(name, aliases, 3) or list(aliases)[:5]
        raise ValueError(
            f"{what} names layer '{name}', which cannot be pruned here or does not exist; "
            f"did you mean {', '.join(close)}?"
        )
    return aliases[name]


def _own_sparsities(plan: Plan, aliases: dict[str, tuple[str, ...]]) -> dict[str, float]:
    """Return the sparsities set by hand; a name of units means them, a layer's all it is in."""
    own: dict[str, float] = {}
    for layer, value in plan.layers.items():
        names = _resolve(layer, aliases, "a sparsity")
        for name in (layer,) if layer in names else names:
            if own.setdefault(name, value) != value:
                raise ValueError(
                    f"the units of '{layer}' and '{name}' go together, so they cannot lose "
                    f"{value:g} and {own[name]:g}: give them one sparsity"
                )
    return own


def _locked(
    plan: Plan, aliases: dict[str, tuple[str, ...]], counts: Counts
) -> dict[str, np.ndarray]:
    """Return the locked units; a whole layer's lock holds wherever its outputs belong."""
    locked = {name: np.zeros(0, np.int64) for name in counts}
    for layer, lock in plan.locks.items():
        names = _resolve(layer, aliases, "a lock")
        if lock == "all":
            locked.update({name: np.arange(counts[name]) for name in names})
            continue
        name = layer if layer in names else names[0]
        if name != layer and len(names) > 1:
            raise ValueError(
                f"the outputs of '{layer}' belong to several groups ({', '.join(names)}): "
                "lock units of these by name, or the whole layer"
            )
        if max(lock) >= counts[name]:
            raise ValueError(
                f"the lock of layer '{layer}' names unit {max(lock)}, "
                f"but its units are 0 to {counts[name] - 1}"
            )
        locked[name] = np.union1d(locked[name], np.asarray(lock))
    return locked


def _requested(request: Request, scope: str) -> float:
    """Return the fraction of all units that was asked for."""
    if scope != "layer" or not request.own:
        return request.sparsity
    total = sum(request.counts.values())
    asked = sum(request.own.get(n, request.sparsity) * c for n, c in request.counts.items())
    return asked / total if total else 0.0


__all__ = ["Allocation", "allocate", "set_by_hand"]
