"""Scores, a budget and locks in; which units stay out, by exact, stable rank."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pruneviz.allocate.choose import Kept, chosen
from pruneviz.allocate.names import locked_units, own_sparsities
from pruneviz.allocate.ranking import Ranking
from pruneviz.allocate.request import MINIMUM, MULTIPLE, SCOPES, Costs, Request, decides_amount
from pruneviz.granularity.units import Units
from pruneviz.plan import Plan
from pruneviz.wording import Fact, amounts


@dataclass(frozen=True)
class Allocation:
    """Which units stay, how much was asked (fraction of all units), and what the user must know."""

    keep: dict[str, Tensor]
    requested: float
    notes: tuple[Fact, ...]


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
    minimum, multiple = int(settings.pop(MINIMUM, 0)), int(settings.pop(MULTIPLE, 1))
    request = requested(units, ranking, plan, minimum, multiple, costs)
    fixed = {name: request.layer_count(name, value) for name, value in request.own.items()}
    keep = chosen(request, fixed, entry.implementation(request, **settings))
    return Allocation(keep, *_said(request, plan.scope, keep))


def requested(
    units: tuple[Units, ...],
    ranking: Ranking,
    plan: Plan,
    minimum: int = 0,
    multiple: int = 1,
    costs: Costs | None = None,
) -> Request:
    """Return what each layer may and must lose under a plan, whatever its scope.

    `minimum` units of each layer stay. ValueError where the plan names a layer that is unknown.
    """
    locked = locked_units(units, plan)
    return Request(
        units=units,
        ranking=ranking.under(locked),
        counts={layer.name: layer.count for layer in units},
        sparsity=plan.sparsity,
        own=own_sparsities(units, plan),
        locked=locked,
        least={layer.name: _least(layer, minimum) for layer in units},
        multiple=multiple,
        notes=[],
        costs=costs,
    )


def _least(layer: Units, minimum: int) -> int:
    """Return how many units of a layer must stay under a plan's minimum width."""
    return max(layer.least, min(minimum, layer.count))


def _said(request: Request, scope: str, keep: Kept) -> tuple[float, tuple[Fact, ...]]:
    """Return the fraction of all units that was asked for, and what the user must know."""
    total = sum(request.counts.values())
    removed = sum(int((~kept).count_nonzero()) for kept in keep.values())
    asked = _requested(request, scope)
    if request.multiple > 1:
        request.notes.append(amounts.multiples(request.multiple, removed, total))
    if decides_amount(scope):
        asked = removed / total if total else 0.0
    return asked, tuple(dict.fromkeys(request.notes))


def _requested(request: Request, scope: str) -> float:
    """Return the fraction of all units that was asked for."""
    if scope != "layer" or not request.own:
        return request.sparsity
    total = sum(request.counts.values())
    asked = sum(request.own.get(n, request.sparsity) * c for n, c in request.counts.items())
    return asked / total if total else 0.0


__all__ = ["Allocation", "allocate", "requested"]
