"""How much of each layer may go, and from numbers of units to what stays, and to a plan."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor, nn

from pruneviz import run
from pruneviz.allocate import WIDTHS, allocate, exact_count, requested
from pruneviz.allocate.choose import chosen
from pruneviz.allocate.request import MINIMUM, MULTIPLE, Request
from pruneviz.plan import Plan, Setting
from pruneviz.propose.paths import Counts
from pruneviz.run import Prepared

MOST_STOPS = 256  # of a layer; between two of them the last step is searched unit by unit


@dataclass(frozen=True)
class Layers:
    """The layers of a plan as a proposal sees them: their locks hold, their amounts are free."""

    prepared: Prepared
    plan: Plan

    @cached_property
    def widths(self) -> dict[str, Setting]:
        """Return what the plan's scope says of widths, which holds for a proposal too."""
        names = {parameter.name for parameter in WIDTHS}
        given = self.plan.scope_parameters
        return {name: value for name, value in given.items() if name in names}

    @cached_property
    def request(self) -> Request:
        """Return what each layer may and must lose."""
        free = self.plan.changed(scope="layer", scope_parameters={}, layers={}, sparsity=0.0)
        minimum = int(self.widths.get(MINIMUM, 0))
        return requested(self.prepared.units, self.prepared.ranking, free, minimum)

    @property
    def counts(self) -> Counts:
        """Return how many units each layer has."""
        return self.request.counts

    @property
    def locked(self) -> list[str]:
        """Return the layers that are locked whole, or so far that nothing of them can go."""
        return [name for name in self.request.locks() if not self.request.removable(name)]

    def stops(self) -> dict[str, tuple[int, ...]]:
        """Return for each layer how many units may go, in rising order without 0."""
        return {name: self._stops(name) for name in self.counts}

    def _stops(self, name: str) -> tuple[int, ...]:
        units, most = self.counts[name], self.request.removable(name)
        multiple = int(self.widths.get(MULTIPLE, 1))
        if multiple > 1:
            kept = range((units - 1) // multiple * multiple, 0, -multiple)
            return tuple(units - width for width in kept if units - width <= most)
        if most <= MOST_STOPS:
            return tuple(range(1, most + 1))
        spread = np.linspace(0, most, MOST_STOPS + 1).round().astype(int)
        return tuple(int(stop) for stop in spread[1:])

    def between(self, name: str, low: int, high: int) -> range:
        """Return the numbers of units above `low` and up to `high` that a layer may lose."""
        return (
            range(high, high + 1) if self.widths.get(MULTIPLE, 1) != 1 else range(low + 1, high + 1)
        )

    def as_they_are(self, names: Iterable[str]) -> Counts:
        """Return how many units some layers lose under the plan, for they keep what they have."""
        wanted = list(names)
        if not wanted:
            return {}
        kept = allocate(
            self.prepared.units, self.prepared.ranking, self.plan, run.counting(self.prepared)
        ).keep
        return {name: int((~kept[name]).sum()) for name in wanted}

    def keep(self, counts: Counts) -> dict[str, Tensor]:
        """Return which units stay, bool (count,), when so many go of each layer; 0 is the rest."""
        return chosen(self.request, dict.fromkeys(self.counts, 0), counts)

    def network(self, counts: Counts) -> nn.Module:
        """Return the network without so many units of each layer, not proved yet."""
        prepared, keep = self.prepared, self.keep(counts)
        subject, evidence = prepared.subject, prepared.evidence
        applied = run.removed(
            subject.model, prepared.units, keep, self.plan, evidence, subject.frozen
        )
        return applied.model

    def filled(self, counts: Counts) -> Plan:
        """Return the plan that removes so many units of each layer, each by its own sparsity."""
        own = {name: shortest(counts.get(name, 0), units) for name, units in self.counts.items()}
        share = sum(counts.values()) / max(sum(self.counts.values()), 1)
        return self.plan.changed(
            scope="layer",
            scope_parameters=self.widths,
            sparsity=math.floor(100 * share) / 100,  # what is removed, for the overall slider
            layers=own,
        )


def shortest(count: int, units: int) -> float:
    """Return the fraction with the fewest decimals, two at least, that means `count` of `units`."""
    for decimals in range(2, 12):
        fraction = round(count / units, decimals)
        if exact_count(fraction, units) == count:
            return fraction
    return count / units
