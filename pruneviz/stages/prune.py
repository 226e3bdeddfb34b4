"""A prepared subject and an amount in; the pruned network out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace

from torch import Tensor, nn

from pruneviz.allocate import allocate
from pruneviz.apply import Applied, applied_notes, apply
from pruneviz.criteria import CRITERIA, Evidence, updated, updates
from pruneviz.granularity import Units
from pruneviz.plan import Plan
from pruneviz.proof import check as check  # part of this file's interface
from pruneviz.proof import prove
from pruneviz.recovery.frozen import held
from pruneviz.report import (
    RecoveryReport,
)
from pruneviz.stages.bind import bind
from pruneviz.stages.prepare import Prepared, counting
from pruneviz.wording import Fact, judged


@dataclass(frozen=True)
class Pruned(Applied):
    """A pruned network with the plan that made it and what the user must know."""

    plan: Plan
    requested: float
    error: float
    notes: tuple[Fact, ...]
    recovery: RecoveryReport | None = None


def removed(
    model: nn.Module,
    units: tuple[Units, ...],
    keep: Mapping[str, Tensor],
    plan: Plan,
    evidence: Evidence | None,
    frozen: Collection[str],
) -> Applied:
    """Remove the units that do not stay; those that do get new values where the criterion can.

    New values fit zeros in tensors of the old size; where tensors get smaller, none are given.
    Parameters that the network froze, by name, lose what is removed and get none either.
    """
    applied = apply(model, units, keep)
    if evidence is None or applied.is_cut:
        return applied
    staying, settings = held(model, frozen), plan.criterion_parameters
    masks = {name: mask for name, mask in applied.masks.items() if name not in staying}
    better = updated(model, plan.criterion, settings, masks, evidence)
    return replace(apply(better, units, keep), original=model)


def prune(prepared: Prepared, plan: Plan) -> Pruned:
    """Remove what the plan asks for; ValueError says which part of it is impossible and why."""
    bound = bind(plan, prepared.subject)
    allocation = allocate(prepared.units, prepared.ranking, bound, counting(prepared))
    model = prepared.subject.model
    applied = removed(
        model, prepared.units, allocation.keep, plan, prepared.evidence, prepared.subject.frozen
    )
    notes = (*prepared.notes, *allocation.notes, *pruning_notes(applied, plan))
    parts = {field.name: getattr(applied, field.name) for field in fields(applied)}
    error = prove(applied, prepared.subject.example)
    return Pruned(**parts, plan=bound, requested=allocation.requested, error=error, notes=notes)


def pruning_notes(applied: Applied, plan: Plan) -> tuple[Fact, ...]:
    """Return what the user must know of a network that was pruned by a plan."""
    notes = applied_notes(applied, plan.granularity)
    if applied.is_cut and updates(plan.criterion):
        notes = (*notes, judged.only_ranks(CRITERIA.get(plan.criterion).title))
    return notes
