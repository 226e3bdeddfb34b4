"""What a search works on: layers with their curves, a goal, exact counts, and who judges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from torch import nn

from pruneviz import run
from pruneviz.measure.milliseconds import PassTime
from pruneviz.metrics import Metric
from pruneviz.plan import Plan
from pruneviz.propose.curves import Curve, Numbers, read_curves, with_losses
from pruneviz.propose.goal import Goal
from pruneviz.propose.layers import Layers
from pruneviz.propose.measured_loss import Judge
from pruneviz.propose.paths import Counts, Path, paths
from pruneviz.run import Prepared
from pruneviz.wording import RefusedError, offers

SEARCHING = 30  # stages after the counting, about
MOST_NAMED = 3  # layers in a sentence


@dataclass(frozen=True)
class SearchProgress:
    """How far a proposal is: `done` of about `total` steps, and what is done now."""

    done: int
    total: int
    sentence: str


@dataclass
class Proposing:
    """All that a search works on: the layers, their curves, the goal, and who judges."""

    prepared: Prepared
    plan: Plan
    goal: Goal
    points: pd.DataFrame
    measure: Callable[[nn.Module, int], PassTime] | None = None
    done: int = 0
    curves: dict[str, Curve] = field(default_factory=dict)
    kept: Counts = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.judge, self.layers = Judge(self.prepared), Layers(self.prepared, self.plan)
        self.count = run.counting(self.prepared)
        self._last = 1.0  # the last level of a scan to come
        self._counted: dict[tuple[str, tuple[tuple[str, int], ...]], int] = {}
        self._check_goal()

    @property
    def metric(self) -> Metric:
        """Return what networks are judged by."""
        return self.judge.metric

    def _check_goal(self) -> None:
        """Raise ValueError where nothing can be judged, or where the goal is about other things."""
        asked = self.goal.metric
        if asked is not None and asked.name != self.metric.name:
            raise RefusedError(offers.of_another_metric(asked.noun, self.metric.noun))
        if not math.isfinite(self.judge.original):
            raise RefusedError(offers.no_number(self.metric.noun))

    def left(self, of: str, counts: Counts) -> int:
        """Return how much of a resource is left, counted exactly."""
        key = of, tuple(sorted((name, count) for name, count in counts.items() if count))
        if key not in self._counted:
            self._counted[key] = self.count(of, self.layers.keep(counts))
        return self._counted[key]

    @cached_property
    def whole(self) -> int:
        """Return how much of the goal's resource the original has."""
        return self.left(self.goal.resource, {})

    def counts(self, path: Path, taken: int) -> Counts:
        """Return how many units go after so many steps, layers without a curve as they are."""
        return {**self.kept, **path.counts(taken)}

    def stage(self, sentence: str) -> SearchProgress:
        """Return the next stage of the progress; how many there will be is an estimate."""
        self.done += 1
        total = len(self.layers.counts) + SEARCHING
        return SearchProgress(min(self.done, total - 1), total, sentence)

    def read(self) -> Iterator[SearchProgress]:
        """Read the curves and count what each layer alone would save."""
        saved: dict[str, tuple[Numbers, Numbers]] = {}
        for name in self.layers.counts:
            saved[name] = self._saved(name)
            yield self.stage(f"counting what {name} saves")
        points = with_losses(self.points, self.metric, self.judge.original)
        self.curves = read_curves(points, self.layers.counts, self.layers.stops(), saved)
        unknown = set(self.layers.counts) - self.curves.keys() - set(self.layers.locked)
        self.kept = self.layers.as_they_are(unknown)
        self._check()

    def _saved(self, name: str) -> tuple[Numbers, Numbers]:
        """Return levels of a layer pruned alone, and what is saved there of the resource.

        A layer that several others share saves less and less, so the middle is counted too.
        """
        units, most = self.layers.counts[name], self.layers.request.removable(name)
        counts = sorted({0, most // 2, most})
        of = self.goal.resource
        less = [self.whole - self.left(of, {name: count}) for count in counts]
        return np.asarray(counts) / units, np.asarray(less, dtype=np.float64)

    def _check(self) -> None:
        if not any(curve.stops for curve in self.curves.values()):
            raise RefusedError(offers.none_free())

    def most(self, last: float) -> Counts:
        """Return the most that any scan with this last level lets go; ValueError where nothing."""
        self._last = last
        stops = {
            name: [stop for stop in stops if stop <= last * self.layers.counts[name] + 1e-9]
            for name, stops in self.layers.stops().items()
        }
        if not any(stops.values()):
            raise RefusedError(offers.none_free())
        return {name: each[-1] for name, each in stops.items() if each}

    def paths(self) -> tuple[Path, ...]:
        """Return the ways that compete, after `read`."""
        return paths(self.curves)

    @property
    def furthest(self) -> str:
        """Return in words how far all layers can go: `with 90 % of every layer …`."""
        last = max((curve.last for curve in self.curves.values()), default=self._last)
        return f"with {100 * last:.3g} % of every unlocked layer removed"

    @property
    def unlock(self) -> str:
        """Return what frees more, `, or unlock a, b`; "" where nothing is locked."""
        locks = list(self.layers.request.locks())
        more = f" and {len(locks) - MOST_NAMED} more" if len(locks) > MOST_NAMED else ""
        return f", or unlock {', '.join(locks[:MOST_NAMED])}{more}" if locks else ""

    def changed(self, counts: Counts) -> float:
        """Return the change of the metric that the curves foretell, within its range."""
        lost = (c.lost_at(counts.get(name, 0) / c.units) for name, c in self.curves.items())
        whole = self.metric.most - self.metric.least
        return self.metric.gain(max(-whole, -sum(lost))) + 0.0
