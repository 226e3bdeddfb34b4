"""Pairs of layers that lose more together than each alone does."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import combinations, pairwise
from math import isnan, nan
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from pruneviz.allocate import Ranking
from pruneviz.apply import apply
from pruneviz.granularity.units import Units
from pruneviz.measure.quality import label_logits, predicted
from pruneviz.metrics.bounded import OUTCOMES, mean_interval
from pruneviz.network.inputs import Batch, some
from pruneviz.report import Interval
from pruneviz.reuse import BUDGET_BYTES, Evaluator
from pruneviz.sensitivity.layers import Alone, Remove
from pruneviz.sensitivity.points import check_levels
from pruneviz.sensitivity.reading import read_table
from pruneviz.sensitivity.refit import Refit, refit_notes, refitted
from pruneviz.stepwise import State
from pruneviz.wording import Fact, RefusedError, passes, scanned
from pruneviz.wording.refusals import analysing

LEVEL, PAIRS = 0.5, 60
UNKNOWN = -1


@dataclass(frozen=True)
class Pair:
    """Two layers pruned together against each alone, on the same `samples` inputs.

    Each change is one of accuracy against the original, a fraction. `interaction` is the change
    together less the sum of the two alone: below 0, they lose more together. `interaction_low` and
    `interaction_high` are its interval, which holds for all pairs of a scan together with 95 %.
    """

    first: str
    second: str
    level_first: float
    level_second: float
    change_first: float
    change_second: float
    change_together: float
    interaction: float
    interaction_low: float
    interaction_high: float
    samples: int


PAIR_COLUMNS = [field.name for field in fields(Pair)]


class Pairs:
    """Prunes layers alone, then pair by pair, one network at a time: to be shown and stopped.

    A pair is called by its layers in forward order.
    """

    def __init__(
        self,
        model: nn.Module,
        units: tuple[Units, ...],
        ranking: Ranking,
        x: Batch,
        y: Tensor,
        levels: float | Mapping[str, float] = LEVEL,
        pairs: int | Sequence[tuple[str, str]] = PAIRS,
        seed: int = 0,
        budget_bytes: int = BUDGET_BYTES,
        refit: Refit | None = None,
        remove: Remove = apply,
    ) -> None:
        """Choose the pairs; `x` (N, …), `y` (N,) are held-out data.

        `levels` is the fraction removed, of every layer or by layer; `pairs` how many pairs are
        drawn, or which they are. `remove` makes the networks; `refit` is done to each
        before it is looked at, and to the original. ValueError where there is no pair, or no such
        level or layer.
        """
        self._names = [layer.name for layer in units]
        if isinstance(pairs, int):
            self.pairs = sampled_pairs(self._names, pairs, seed)
        else:
            self.pairs = named_pairs(self._names, pairs)
        self._levels = _levels_of(self._names, levels)
        used = {name for pair in self.pairs for name in pair}
        self._alone_names = [name for name in self._names if name in used]
        self._alone = Alone(model, units, ranking, some(x, slice(2)), remove)
        self._model, self._x, self._y, self._budget_bytes = model, x, y, budget_bytes
        self._refit = refit
        self._right: dict[str, Tensor] = {}
        self.rows: list[Pair] = []
        self._why: dict[str, str] = {}  # what could not be measured

    @property
    def promise(self) -> Fact:
        """Return how many pairs were looked at and what their intervals say."""
        return scanned.pairs_looked_at(len(self.pairs), all_pairs(len(self._names)))

    @property
    def notes(self) -> tuple[Fact, ...]:
        """Return what the reader must know of how it was computed."""
        alone = [name for name, right in self._right.items() if right.dtype != torch.bool]
        pairs = [
            f"{row.first} with {row.second}"
            for row in self.rows
            if isnan(row.interaction) and not {row.first, row.second} & set(alone)
        ]
        lost = [scanned.unmeasured(names, self._why.get(names, "")) for names in [*alone, *pairs]]
        # What is drawn at random comes out otherwise the next time, so nothing is promised.
        promise = () if self.evaluator.why_plain in passes.drawn else (self.promise,)
        return (*promise, *refit_notes(self._refit), *self.evaluator.notes, *lost)

    @cached_property
    def evaluator(self) -> Evaluator:
        """Return what evaluates the networks; nothing is computed before the first one."""
        original = refitted(self._model, self._refit)
        return Evaluator(original, self._x, self._y, budget_bytes=self._budget_bytes)

    @cached_property
    def _original(self) -> Tensor:
        return predicted(label_logits(self.evaluator.original_answers())) == self._y

    @property
    def done(self) -> int:
        """Return how many networks are measured."""
        return len(self._right) + len(self.rows)

    @property
    def total(self) -> int:
        """Return how many networks there are: each layer alone, and each pair."""
        return len(self._alone_names) + len(self.pairs)

    @property
    def finished(self) -> bool:
        """Return whether every pair is measured."""
        return self.done >= self.total

    @property
    def sentence(self) -> str:
        """Return which layers were pruned last."""
        if self.rows:
            return f"{self.rows[-1].first} with {self.rows[-1].second}"
        return next(reversed(self._right), "")

    def step(self) -> tuple[str, ...]:
        """Measure the next layer, or the next pair, and return what was pruned.

        Where that cut does not hold, the pairs that it concerns are left out of the table.
        """
        if len(self._right) < len(self._alone_names):
            name = self._alone_names[len(self._right)]
            self._right[name] = self._answered(name)
            return (name,)
        pair = self.pairs[len(self.rows)]
        self.rows.append(self._pair(*pair, self._answered(*pair)))
        return pair

    def _answered(self, *names: str) -> Tensor:
        """Return which inputs are answered right with these layers pruned, (N,).

        No bool but UNKNOWN where that network cannot be looked at.
        """
        try:
            network = self._alone.together({name: self._levels[name] for name in names})
        except ValueError as error:
            self._why[" with ".join(names)] = str(error)
            return torch.full_like(self._y, UNKNOWN)
        network = refitted(network, self._refit)
        return predicted(label_logits(self.evaluator.answers(network))) == self._y

    def _pair(self, first: str, second: str, together: Tensor) -> Pair:
        before, one, other = self._original, self._right[first], self._right[second]
        if any(right.dtype != torch.bool for right in (one, other, together)):
            levels = self._levels[first], self._levels[second]
            return Pair(first, second, *levels, nan, nan, nan, nan, nan, nan, 0)
        each = together.int() - one.int() - other.int() + before.int()
        value, (low, high) = interaction(each, len(self.pairs))
        return Pair(
            first, second, self._levels[first], self._levels[second],
            _change(one, before), _change(other, before), _change(together, before),
            value, low, high, len(self._y),
        )  # fmt: skip

    def state(self) -> State:
        """Return everything from which `restore` goes on."""
        return {
            "alone": dict(self._right),
            "pairs": [list(vars(row).values()) for row in self.rows],
        }

    def restore(self, state: State) -> None:
        """Take over what was measured before; ValueError where it is not this scan's."""
        alone, rows = dict(state["alone"]), [Pair(*row) for row in state["pairs"]]
        fits = list(alone) == self._alone_names[: len(alone)] and all(
            isinstance(right, Tensor) and right.shape == self._y.shape for right in alone.values()
        )
        expected = [(*pair, *(self._levels[name] for name in pair)) for pair in self.pairs]
        found = [(row.first, row.second, row.level_first, row.level_second) for row in rows]
        if not fits or found != expected[: len(rows)]:
            raise RefusedError(analysing.other_pairs())
        self._right, self.rows = alone, rows

    def table(self) -> pd.DataFrame:
        """Return the pairs measured so far, those that lose most beyond their layers first."""
        known = [row for row in self.rows if not isnan(row.interaction)]
        rows = sorted(known, key=lambda row: row.interaction)
        return pd.DataFrame([vars(row) for row in rows], columns=PAIR_COLUMNS)


def _change(right: Tensor, before: Tensor) -> float:
    return (int(right.sum()) - int(before.sum())) / len(right)


def interaction(each: Tensor, looks: int) -> tuple[float, Interval]:
    """Return the mean of paired differences, (N,) of −2 to 2, and its simultaneous interval.

    Of so many `looks` at the same inputs all intervals hold together with 95 %: `bounded`.
    """
    counts = torch.bincount(each.long() + 2, minlength=len(OUTCOMES)).numpy()
    low, high = mean_interval(counts, looks)
    return int(each.sum()) / len(each), (float(low), float(high))


def all_pairs(layers: int) -> int:
    """Return how many pairs so many layers have."""
    return layers * (layers - 1) // 2


def number_asked(pairs: int, there_are: int) -> int:
    """Return the number of pairs to ask for; all there are is one request, however it is said."""
    whole = PAIRS if there_are <= PAIRS else there_are
    return whole if pairs >= there_are else pairs


def sampled_pairs(names: Sequence[str], count: int, seed: int) -> tuple[tuple[str, str], ...]:
    """Return `count` pairs of layers, or all where there are no more, in forward order.

    Half are neighbours, drawn among these, and the others any, none twice. ValueError for a count
    below 1, or where there are fewer than two layers.
    """
    if count < 1:
        raise RefusedError(analysing.too_few_pairs(count))
    if len(names) < 2:
        raise RefusedError(analysing.too_few_layers(len(names)))
    everything = list(combinations(range(len(names)), 2))
    if count >= len(everything):
        return tuple((names[a], names[b]) for a, b in everything)
    draw, near = random.Random(seed), list(pairwise(range(len(names))))
    chosen = set(draw.sample(near, min(len(near), (count + 1) // 2)))
    apart = [pair for pair in everything if pair not in set(near)]
    chosen.update(draw.sample(apart, min(len(apart), count - len(chosen))))
    left = [pair for pair in near if pair not in chosen]
    chosen.update(draw.sample(left, count - len(chosen)))
    return tuple((names[a], names[b]) for a, b in sorted(chosen))


def named_pairs(
    names: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Return pairs in forward order, each once; ValueError names what is no pair of layers."""
    found = set()
    for pair in pairs:
        unknown = [name for name in pair if name not in names]
        if unknown or len(set(pair)) != 2:
            raise RefusedError(analysing.no_pair(", ".join(names), " and ".join(pair)))
        found.add(tuple(sorted(names.index(name) for name in pair)))
    if not found:
        raise RefusedError(analysing.no_pairs())
    return tuple((names[a], names[b]) for a, b in sorted(found))


def _levels_of(names: Sequence[str], levels: float | Mapping[str, float]) -> dict[str, float]:
    """Return each layer's level; ValueError where one has none, or it is none."""
    if not isinstance(levels, Mapping):
        return dict.fromkeys(names, check_levels([levels])[0])
    missing = [name for name in names if name not in levels]
    if missing:
        raise RefusedError(analysing.no_level_for(", ".join(missing[:5])))
    return {name: check_levels([levels[name]])[0] for name in names}


def read_pairs(path: Path) -> pd.DataFrame:
    """Return the pairs of a scan's file; none where it is not there.

    ValueError where the file is damaged.
    """
    return read_table(path, PAIR_COLUMNS, ("first", "second"), needed=PAIR_COLUMNS[2:])
