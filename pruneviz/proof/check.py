"""Any network, without a plan or data: can it be cut, and is the cut what the mask is?"""

from __future__ import annotations

from typing import Any

from torch import nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import apply
from pruneviz.criteria import Evidence, score
from pruneviz.measure.cost import parameters_by_name
from pruneviz.plan import Plan
from pruneviz.proof.find import find_units
from pruneviz.proof.perturb import perturbed
from pruneviz.proof.prove import prove


def check(model: nn.Module, example: Any, sparsity: float) -> dict[str, object]:
    """Trace, cut and run any model, and compare the masked with the cut outputs.

    Every group of channels loses `sparsity` of its units by L1 magnitude. Needs no data: the proof
    runs on a copy with weights that let every unit reach the output.
    """
    model = perturbed(model, example)
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
        "skipped": [item.reported().model_dump() for item in skipped],
        "parameters": {"original": before, "pruned": after},
        "max_relative_error": error,
    }
