"""Where a forward pass spends its time: milliseconds in each layer, by hooks, for a few passes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from pruneviz.measure.latency import WARM_UP_RUNS
from pruneviz.measure.threads import computing_threads
from pruneviz.network.duplicate import duplicate
from pruneviz.network.inputs import Given, call

FEWEST_PASSES = 3


@dataclass(frozen=True)
class LayerLatency:
    """Median milliseconds of each layer over `passes` passes; `total_ms` is of a whole pass.

    What a layer spends in other layers inside it counts as theirs. The total is the sum of the
    medians of all parts, layers and what lies between two of them: a busy machine delays a few
    parts of each pass, and seldom the same. Hooks take time too, so these are estimates.
    """

    layers: Mapping[str, float]
    total_ms: float
    passes: int

    def share(self, layers: Collection[str]) -> float | None:
        """Return the part of a pass spent in these layers, 0 to 1; None where none was timed."""
        known = [self.layers[name] for name in layers if name in self.layers]
        return min(1.0, sum(known) / self.total_ms) if known and self.total_ms > 0 else None


def layer_latency(
    model: nn.Module,
    example: Given,
    layers: Collection[str],
    passes: int = 20,
    limit_s: float | None = None,
    threads: int = 1,
) -> LayerLatency:
    """Time `passes` passes on `example` (B, …), fewer after `limit_s` s, and the layers in them.

    `layers` are paths of modules; those that are no module, or that no pass calls, are left out.
    The hooks are on a copy: others may use the model, or copy it, meanwhile.
    """
    model = duplicate(model)
    modules = {name: _module(model, name) for name in layers}
    clock = _Clock()
    taken: list[dict[str | int, float]] = []
    end = time.perf_counter() + (float("inf") if limit_s is None else limit_s)
    hooked = _hooked({name: module for name, module in modules.items() if module}, clock)
    with torch.inference_mode(), computing_threads(threads), hooked:
        for _ in range(WARM_UP_RUNS):
            call(model, example)
        while len(taken) < passes:
            if len(taken) >= FEWEST_PASSES and time.perf_counter() >= end:
                break
            clock.start()
            call(model, example)
            clock.between()
            taken.append(dict(clock.spent))
    parts = dict.fromkeys(part for spent in taken for part in spent)
    medians = {part: float(np.median([spent.get(part, 0.0) for spent in taken])) for part in parts}
    named = {part: spent for part, spent in medians.items() if isinstance(part, str)}
    return LayerLatency(named, sum(medians.values()), len(taken))


@dataclass
class _Clock:
    """Milliseconds by layer, without those of layers inside, and by number between layers."""

    spent: defaultdict[str | int, float] = field(default_factory=lambda: defaultdict(float))
    open: list[list[float]] = field(default_factory=list)  # [began, spent inside], nanoseconds
    last: int = 0  # when the last layer ended
    gaps: int = 0

    def start(self) -> None:
        """Note that a pass begins."""
        self.spent.clear()
        self.open.clear()
        self.last, self.gaps = time.perf_counter_ns(), 0

    def between(self) -> None:
        """Note what has passed since the last layer ended."""
        self.spent[self.gaps] = (time.perf_counter_ns() - self.last) / 1e6
        self.gaps += 1

    def begin(self, *_: Any) -> None:
        """Note that a layer begins."""
        if not self.open:
            self.between()
        self.open.append([time.perf_counter_ns(), 0.0])

    def end(self, name: str) -> None:
        """Note that the layer which began last ends."""
        began, inside = self.open.pop()
        now = time.perf_counter_ns()
        lasted = now - began
        self.spent[name] += (lasted - inside) / 1e6
        if self.open:
            self.open[-1][1] += lasted
        else:
            self.last = now


@contextmanager
def _hooked(modules: Mapping[str, nn.Module], clock: _Clock) -> Iterator[None]:
    handles = []
    try:
        for name, module in modules.items():
            handles.append(module.register_forward_pre_hook(clock.begin))
            handles.append(module.register_forward_hook(lambda *_, name=name: clock.end(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _module(model: nn.Module, name: str) -> nn.Module | None:
    try:
        return model.get_submodule(name) if name else None
    except AttributeError:
        return None
