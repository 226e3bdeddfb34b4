"""The adaptive scan: where does each layer lose so much? A few levels of each are enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from math import ceil, nan

import pandas as pd
from torch import Tensor, nn

from pruneviz.allocate import Ranking
from pruneviz.granularity.units import Units
from pruneviz.replay import BUDGET_BYTES, Evaluator, Tally, estimate, tallies
from pruneviz.sensitivity.layers import Alone
from pruneviz.sensitivity.points import LEVELS, check_levels

LOSS = 0.02  # of accuracy: two points
LOST_COST = 0.4  # of a full evaluation: that a layer loses too much often shows early
PROMISE = (
    "Each threshold is the one that a scan of all levels finds, provided that a layer which loses "
    "{loss:.1%} of accuracy at one level does so at every higher one; between the highest level "
    "that keeps it and the lowest that does not, accuracy is taken to fall. The intervals say how "
    "far each change is known from these inputs."
)
TABLE = ["layer", "sparsity", "kept", "change_low", "change_high", "samples", "probes"]


@dataclass(frozen=True)
class Probe:
    """Whether one layer at one level loses too much, as the first `samples` inputs decide it.

    No answer to the other inputs could have turned the decision. `change` of accuracy is that on
    the inputs seen, a fraction, with the 95 % interval for matched pairs.
    """

    layer: str
    sparsity: float
    loses: bool
    samples: int
    change: float
    change_low: float
    change_high: float


class Search:
    """Finds for each layer the lowest level at which it alone costs `loss` of accuracy or more.

    One evaluation at a time, so that it can be shown, stopped and gone on with. It ends an
    evaluation as soon as the inputs left cannot change its outcome (curtailed sampling, Wald 1947),
    and halves the levels by what each outcome costs.
    """

    def __init__(
        self,
        model: nn.Module,
        units: tuple[Units, ...],
        ranking: Ranking,
        x: Tensor,
        y: Tensor,
        levels: Sequence[float] = LEVELS,
        loss: float = LOSS,
        budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        """Prepare; `x` (N, …), `y` (N,) are held-out data, `loss` a fraction in (0, 1].

        ValueError where levels do not rise, or for another loss.
        """
        if not 0 < loss <= 1:
            raise ValueError(f"the loss of accuracy to look for lies in (0, 1], got {loss:g}")
        self._levels, self.loss = check_levels(levels), loss
        self._alone = Alone(model, units, ranking, x[:2])
        self._model, self._x, self._y, self._budget_bytes = model, x, y, budget_bytes
        self._names = [layer.name for layer in units]
        self._open = {name: (0, len(self._levels)) for name in self._names}
        self.total = len(units) * deepest(len(self._levels) + 1)
        self.rows: list[Probe] = []

    @property
    def promise(self) -> str:
        """Return in words how far the thresholds can be trusted."""
        return PROMISE.format(loss=self.loss)

    @cached_property
    def evaluator(self) -> Evaluator:
        """Return what evaluates the probes; nothing is computed before the first one."""
        return Evaluator(self._model, self._x, self._y, budget_bytes=self._budget_bytes)

    @cached_property
    def _right(self) -> int:
        """Return how many inputs the original gets right."""
        return int((self.evaluator.original_logits().argmax(1) == self._y).sum())

    @property
    def done(self) -> int:
        """Return how many evaluations are made; `total` is the most there can be."""
        return len(self.rows)

    @property
    def finished(self) -> bool:
        """Return whether every layer's threshold is known."""
        return self._next() is None

    def _next(self) -> tuple[str, int] | None:
        """Return the layer and the number of the level to try next."""
        for name, (low, high) in self._open.items():
            if low < high:
                return name, low + split(high - low + 1) - 1
        return None

    def step(self) -> Probe:
        """Make and return the next evaluation; ValueError where a cut does not hold."""
        following = self._next()
        if following is None:
            raise ValueError("every layer's threshold is known: read it from the table")
        name, number = following
        network = self._alone.pruned(name, self._levels[number], self._levels[-1])
        needed = ceil(Fraction(repr(float(self.loss))) * len(self._y))
        for tally in tallies(self.evaluator, network):
            loses = self._decided(tally, needed)
            if loses is not None:
                break
        seen = estimate(tally, len(self._y))
        probe = Probe(name, self._levels[number], bool(loses), seen.samples, seen.change,
                      seen.change_low, seen.change_high)  # fmt: skip
        self._take(probe)
        return probe

    def _decided(self, tally: Tally, needed: int) -> bool | None:
        """Return whether `needed` inputs are lost for certain, None while it is open."""
        left = len(self._y) - tally.samples
        if self._right - tally.right - left >= needed:
            return True
        return False if self._right - tally.right < needed else None

    def _take(self, probe: Probe) -> None:
        low, high = self._open[probe.layer]
        number = self._levels.index(probe.sparsity)
        self._open[probe.layer] = (low, number) if probe.loses else (number + 1, high)
        self.rows.append(probe)

    def restore(self, rows: Sequence[Probe]) -> None:
        """Take over evaluations made before; ValueError where they are not this search's."""
        self.rows, self._open = [], {name: (0, len(self._levels)) for name in self._names}
        for row in rows:
            following = self._next()
            if following is None or (row.layer, row.sparsity) != (
                following[0], self._levels[following[1]],
            ):  # fmt: skip
                raise ValueError("its evaluations belong to another search")
            self._take(row)

    def table(self) -> pd.DataFrame:
        """Return one row a layer whose threshold is known.

        `sparsity` is the lowest level that costs too much (NaN: none does), `kept` the highest that
        does not (0: none), both fractions removed; `change_low` and `change_high` are the 95 %
        interval of the change at `sparsity` (NaN where it is none), on `samples` inputs.
        """
        found = []
        for name, (low, high) in self._open.items():
            if low < high:
                continue
            probes = [row for row in self.rows if row.layer == name]
            at = next((p for p in probes if self._levels.index(p.sparsity) == low), None)
            found.append((
                name,
                self._levels[low] if low < len(self._levels) else nan,
                self._levels[low - 1] if low else 0.0,
                at.change_low if at else nan,
                at.change_high if at else nan,
                at.samples if at else len(self._y),
                len(probes),
            ))  # fmt: skip
        return pd.DataFrame(found, columns=TABLE)


@cache
def _cost(outcomes: int) -> float:
    """Return the mean cost of telling so many outcomes apart, in full evaluations."""
    return min((_mean_cost(outcomes, n) for n in range(1, outcomes)), default=0.0)


def _mean_cost(outcomes: int, low: int) -> float:
    share = low / outcomes
    return share * (LOST_COST + _cost(low)) + (1 - share) * (1 + _cost(outcomes - low))


@cache
def split(outcomes: int) -> int:
    """Return how many of the outcomes, 2 or more, the next evaluation should leave if it loses."""
    return min(range(1, outcomes), key=lambda low: _mean_cost(outcomes, low))


@cache
def deepest(outcomes: int) -> int:
    """Return the most evaluations that tell so many outcomes apart."""
    if outcomes < 2:
        return 0
    return 1 + max(deepest(split(outcomes)), deepest(outcomes - split(outcomes)))
