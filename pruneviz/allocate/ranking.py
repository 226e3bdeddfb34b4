"""The units by score, sorted once, so that every amount after that is a comparison of ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pruneviz.granularity.units import Rule, Units, rule_of


@dataclass
class Ranking:
    """The units of each layer by score: 0 is the first to go; ties go in order of position.

    `within` ranks a unit in its layer, `across` in the whole model (sorted once, when first asked).
    Where a rule holds in groups, what goes of a group goes together, by the mean of its scores.
    """

    scores: Mapping[str, Tensor]
    rules: Mapping[str, Rule] = field(default_factory=dict)
    _within: dict[str, np.ndarray] = field(default_factory=dict)
    _across: dict[str, np.ndarray] = field(default_factory=dict)
    _order: dict[str, Tensor] = field(default_factory=dict)
    _facts: dict[tuple[str, str, float], float] = field(default_factory=dict)
    _locked: list[tuple[dict[str, bytes], Ranking]] = field(default_factory=list)

    @classmethod
    def of(cls, units: tuple[Units, ...], scores: Mapping[str, Tensor]) -> Ranking:
        """Return the ranking of units by their scores, under the rules of their groups."""
        found = {layer.name: rule_of(layer) for layer in units}
        # numpy, which sorts them, knows no bfloat16
        known = {n: s.float() if s.dtype is torch.bfloat16 else s for n, s in scores.items()}
        return cls(known, {name: rule for name, rule in found.items() if rule is not None})

    def order(self, name: str) -> Tensor:
        """Return what a layer's units are sorted by, (count,): infinite for what never goes."""
        if name not in self.rules:
            return self.scores[name]
        if name not in self._order:
            self._order[name] = by_group(self.scores[name], self.rules[name])
        return self._order[name]

    def fact(
        self, name: str, what: str, of: Callable[[Tensor], float], setting: float = 0.0
    ) -> float:
        """Return a number that a layer's finite scores have whatever goes, computed once.

        `of` computes `what` from the scores under a `setting`; 0 where no score is finite.
        """
        key = (name, what, setting)
        if key not in self._facts:
            scores = self.scores[name]
            finite = scores[scores.isfinite()]
            self._facts[key] = of(finite) if len(finite) else 0.0
        return self._facts[key]

    def within(self, name: str) -> np.ndarray:
        """Return the rank of each unit in its layer, int32 (count,)."""
        if name not in self._within:
            self._within[name] = _ranks(self.order(name).numpy())
        return self._within[name]

    def across(self) -> Mapping[str, np.ndarray]:
        """Return the rank of each unit among all units of the model, int32 (count,) a layer."""
        if not self._across:
            joined = np.concatenate([self.order(name).numpy() for name in self.scores])
            ends = np.cumsum([len(s) for s in self.scores.values()])[:-1]
            self._across = dict(zip(self.scores, np.split(_ranks(joined), ends), strict=True))
        return self._across

    def under(self, locked: Mapping[str, np.ndarray]) -> Ranking:
        """Return the ranking in which locked units are what their groups keep first.

        Without rules it is this one: a lock alone changes nobody else's place.
        """
        some = {n: u for n, u in locked.items() if n in self.rules and self._is_part(n, u)}
        if not some:
            return self
        key = {name: units.tobytes() for name, units in some.items()}
        if not self._locked or self._locked[0][0] != key:
            raised = {
                name: self.scores[name].index_fill(0, torch.from_numpy(units), torch.inf)
                for name, units in some.items()
            }
            same = {name: ranks for name, ranks in self._within.items() if name not in some}
            alike = {name: order for name, order in self._order.items() if name not in some}
            ranking = Ranking({**self.scores, **raised}, self.rules, same, {}, alike)
            self._locked = [(key, ranking)]
        return self._locked[0][1]

    def _is_part(self, name: str, units: np.ndarray) -> bool:
        """Return whether units are some of their layer: neither none of it nor the whole."""
        return 0 < len(units) < len(self.scores[name])


def by_group(scores: Tensor, rule: Rule) -> Tensor:
    """Return what sorts units so that a group goes as one, (count,): +inf for what its rule spares.

    What goes of a group has the mean of its scores. Units that are gone already (-inf) stay first,
    and after them the groups that are begun; a group that may not lose what its rule takes (+inf)
    stays whole.
    """
    groups = scores.reshape(-1, rule.of)
    spared = rule.spared(groups)
    gone = torch.isneginf(groups) & ~spared
    mean = groups.masked_fill(spared | gone, 0.0).sum(1, keepdim=True) / (rule.of - rule.stay)
    begun = gone.any(1, keepdim=True)
    mean = mean.masked_fill(begun & mean.isfinite(), torch.finfo(mean.dtype).min)
    order = mean.expand_as(groups).masked_fill(spared, torch.inf)
    return order.masked_fill(gone, -torch.inf).reshape(-1)


def _ranks(scores: np.ndarray) -> np.ndarray:
    ranks = np.empty(scores.size, np.int32)
    ranks[np.argsort(scores, kind="stable")] = np.arange(scores.size, dtype=np.int32)
    return ranks


__all__ = ["Ranking", "by_group"]
