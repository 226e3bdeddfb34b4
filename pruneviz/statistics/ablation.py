"""What the loss becomes without one unit, measured."""

from __future__ import annotations

import torch

from pruneviz.granularity.units import choosing_of
from pruneviz.statistics.loss import loss_of
from pruneviz.statistics.statistic import STATISTICS, StatisticRequest, Table
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing


@STATISTICS.register(
    name="ablation",
    title="Loss without each unit",
    family="measured",
    sentence="The loss on the calibration samples with one unit switched off, unit by unit.",
    formula="L(without u) − L",
    source="Molchanov et al. 2017, arXiv 1611.06440 (the oracle)",
    needs=("data", "labels"),
)
def ablation(asked: StatisticRequest) -> Table:
    """Return the change in mean loss without each unit, by units name, (count,), float64.

    ValueError where there are more units than the setting `most_units` allows, and for experts:
    without weights, one may still be chosen.
    """
    most, count = int(asked.settings["most_units"]), sum(u.count for u in asked.units)
    if count > most:
        raise RefusedError(choosing.too_many_units(asked.criterion, count, most))
    if any(choosing_of(units) for units in asked.units):
        raise RefusedError(choosing.no_refusing_router(asked.criterion))
    samples = asked.samples.spread(int(asked.settings["inputs"]))
    weights = {name: p.detach() for name, p in asked.model.named_parameters()}

    def loss(replaced: Table) -> float:
        total = 0.0
        with torch.no_grad():
            for x, y in samples.batches():
                total += float(
                    loss_of(asked.task, asked.model, {**weights, **replaced}, x, y, "sum")
                )
        return total / len(samples.y)

    before, found = loss({}), {}
    for layer in asked.units:
        changes = torch.zeros(layer.count, dtype=torch.float64)
        for unit in range(layer.count):
            keep = torch.arange(layer.count) != unit
            masks = layer.masks(keep)
            changes[unit] = loss({n: torch.where(m, weights[n], 0.0) for n, m in masks.items()})
        found[layer.name] = changes - before
    return found
