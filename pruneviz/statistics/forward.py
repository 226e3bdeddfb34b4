"""The one hooked pass over the calibration data: all that was asked, as sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pruneviz.network.inputs import call, some
from pruneviz.network.study import slowly
from pruneviz.statistics.layers import Layer
from pruneviz.statistics.observer import LayerObserver, by_channel, find_sites
from pruneviz.statistics.statistic import Observer, StatisticRequest


def hooked_pass(asked: StatisticRequest, observers: Sequence[Observer]) -> None:
    """Show every batch to the observers, as often as the most demanding of them asks."""
    samples = asked.samples

    def reads(layer: Layer, x: Tensor, options: Mapping[str, Any]) -> None:
        for each in observers:
            each.reads(layer, x, options)

    def answers(layer: Layer, activation: Tensor, dim: int) -> None:
        for each in observers:
            each.answers(layer, by_channel(activation, dim))

    model = asked.looked_at
    sites = find_sites(model, some(samples.x, slice(1)))
    watch = LayerObserver(model, asked.layers, sites, reads, answers)
    for _ in range(max(each.passes for each in observers)):
        for x, _y in samples.batches():
            watch.start()
            with torch.no_grad(), slowly(model), watch:
                call(model, x)
        for each in observers:
            each.turn()
