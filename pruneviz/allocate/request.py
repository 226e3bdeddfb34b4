"""A plan's budget with the layers' names resolved: what every scope is given to decide on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from torch import Tensor

from pruneviz.allocate.ranking import Ranking
from pruneviz.granularity.units import Units
from pruneviz.plan import Plan
from pruneviz.registry import Parameter, Registry, Value
from pruneviz.wording import Fact, RefusedError, Share, amounts

Counts = dict[str, int]
Costs = Callable[[str, Mapping[str, Tensor]], int]  # (what of, what is kept) → how much is left
Scope = Callable[..., Counts]  # (request, **settings) → units that go, by layer or ACROSS them
SCOPES: Registry[Scope] = Registry("scope")
ACROSS = ""  # in Counts: so many go by one ranking of all layers that the scope decides on
GLOBAL = "global"  # the scope that is nothing but one ranking
OVERALL = "overall amount"  # the family of the scopes that the overall amount governs

MINIMUM, MULTIPLE = "minimum_width", "multiple_of"
WIDTHS = (
    Parameter(
        name=MINIMUM,
        default=0,
        minimum=0,
        maximum=1_000_000,
        help="How many units every layer keeps at least; a smaller layer stays whole. One always "
        "stays, but all residual blocks of a stage may go.",
    ),
    Parameter(
        name=MULTIPLE,
        default=1,
        minimum=1,
        maximum=4096,
        help="Layers keep multiples of this, as hardware likes them (8, 16), or stay whole; "
        "layers set by hand keep their own amount.",
    ),
)


def exact_count(sparsity: float, units: int) -> int:
    """Return sparsity × units, rounded half up, computed on the decimal as it was written."""
    return math.floor(Fraction(repr(float(sparsity))) * units + Fraction(1, 2))


def at_most(count: int, units: int) -> float:
    """Return count / units rounded down, so that whoever asks for it gets no more than count."""
    return math.floor(Fraction(count, units) * 10**6) / 10**6


def decides_amount(scope: str) -> bool:
    """Return whether a scope decides by itself how much goes, without the overall amount."""
    return SCOPES.get(scope).family != OVERALL


def scope_settings(plan: Plan) -> dict[str, Value]:
    """Return the parameters of a plan's scope with defaults, without the widths it leaves free."""
    settings = SCOPES.get(plan.scope).settings(plan.scope_parameters)
    free = {parameter.name: parameter.default for parameter in WIDTHS}
    return {name: value for name, value in settings.items() if free.get(name) != value}


def ranks_across(plan: Plan) -> bool:
    """Return whether a plan's amount goes by one ranking of all layers, free of other counts."""
    rounds = SCOPES.get(plan.scope).settings(plan.scope_parameters).get(MULTIPLE, 1)
    return plan.scope == GLOBAL and rounds == 1


@dataclass(frozen=True)
class Request:
    """What each layer may and must lose: `least` units of it stay, and what is `locked`."""

    units: tuple[Units, ...]
    ranking: Ranking
    counts: Counts
    sparsity: float
    own: dict[str, float]
    locked: dict[str, np.ndarray]
    least: Counts
    multiple: int
    notes: list[Fact]
    costs: Costs | None = None

    def removable(self, name: str) -> int:
        """Return how many units a layer can lose beside those that must stay."""
        free = self.counts[name] - max(self.least[name], len(self.locked[name]))
        if name in self.ranking.rules and len(self.locked[name]):
            return min(free, int((self.ranking.order(name) < math.inf).count_nonzero()))
        return free

    def free(self) -> list[str]:
        """Return the layers whose sparsity the scope decides."""
        return [name for name in self.counts if name not in self.own]

    def locks(self) -> list[str]:
        """Return the layers in which something is locked."""
        return [name for name, indices in self.locked.items() if len(indices)]

    def at_least(self) -> Fact:
        """Return what every layer keeps, whatever is asked."""
        if any(name in self.ranking.rules for name in self.counts):
            return amounts.rule_keeps()
        if max(self.least.values(), default=1) > 1:
            return amounts.minimum_width_keeps()
        return amounts.one_keeps()

    def layer_count(self, name: str, sparsity: float) -> int:
        """Return how many units one layer loses at its own sparsity."""
        return self.limited(name, exact_count(sparsity, self.counts[name]))

    def limited(self, name: str, count: int) -> int:
        """Return how many of `count` units a layer loses; ValueError where its lock forbids it."""
        total, possible = self.counts[name], self.removable(name)
        if count <= possible:
            return count
        if len(self.locked[name]):
            most = Share(at_most(possible, total))
            raise RefusedError(amounts.lock_keeps(name, count, total, possible, most))
        self.notes.append(amounts.some_stay(total - possible, name, self.at_least()))
        return possible

    def budget(self) -> int:
        """Return how many units the layers without a sparsity of their own lose together."""
        total = sum(self.counts.values())
        asked = exact_count(self.sparsity, total)
        by_hand = sum(self.layer_count(name, s) for name, s in self.own.items())
        possible = sum(self.removable(name) for name in self.free())
        if by_hand > asked:
            self.notes.append(amounts.more_by_hand(by_hand, total, asked))
        elif asked - by_hand > possible and self.locks():
            most = Share(at_most(by_hand + possible, total))
            locks = ", ".join(self.locks())
            raise RefusedError(amounts.locks_keep(Share(self.sparsity), locks, most))
        elif asked - by_hand > possible:
            self._say_what_stays(asked, by_hand, possible)
        return min(max(asked - by_hand, 0), possible)

    def _say_what_stays(self, asked: int, by_hand: int, possible: int) -> None:
        most = max(self.least.values(), default=0)
        usual = most <= 1
        if self.own:
            why = amounts.one_of_each_stays() if usual else self.at_least()
            found = amounts.less_beside_hand(by_hand + possible, asked, why if most else None)
            self.notes.append(found)
        elif usual:
            self.notes.append(amounts.one_of_each_limits(self.at_least()))
        else:
            self.notes.append(amounts.fewer(possible, asked, self.at_least()))


__all__ = [
    "ACROSS",
    "GLOBAL",
    "MINIMUM",
    "MULTIPLE",
    "OVERALL",
    "SCOPES",
    "WIDTHS",
    "Costs",
    "Counts",
    "Request",
    "Scope",
    "at_most",
    "decides_amount",
    "exact_count",
    "ranks_across",
    "scope_settings",
]
