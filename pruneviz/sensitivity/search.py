"""The adaptive scan: where does each layer lose so much? A few levels of each are enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, isfinite, isnan, log2, nan
from pathlib import Path

import pandas as pd
from torch import Tensor, nn

from pruneviz.allocate import Ranking
from pruneviz.apply import apply
from pruneviz.evaluate import predict
from pruneviz.granularity.units import Units
from pruneviz.measure.quality import ACCURACY, label_logits, predicted
from pruneviz.metrics import Metric
from pruneviz.network.inputs import Batch, some
from pruneviz.reuse import BUDGET_BYTES, Evaluator, Tally, estimate, tallies
from pruneviz.reuse.order import hardest_first
from pruneviz.sensitivity.layers import Alone, Remove
from pruneviz.sensitivity.losses import in_words, verb
from pruneviz.sensitivity.points import LEVELS, check_levels
from pruneviz.sensitivity.reading import read_table
from pruneviz.sensitivity.refit import Refit, refit_notes, refitted
from pruneviz.sensitivity.splitting import split
from pruneviz.stepwise import State
from pruneviz.tasks import CLASSIFICATION, Answers, Task
from pruneviz.tasks import Tally as Counted
from pruneviz.wording import Fact, RefusedError, passes, scanned
from pruneviz.wording.refusals import analysing

LOSS = 0.02  # of accuracy: two points
TABLE = ["layer", "sparsity", "kept", "change", "change_low", "change_high", "probes"]
PROBE_COLUMNS = ["layer", "sparsity", "loses", "samples", "change", "change_low", "change_high"]


@dataclass(frozen=True)
class Probe:
    """Whether one layer at one level loses too much, as `samples` inputs decide it.

    Where it does, these may be the first inputs alone, when no answer to the others could turn the
    decision; then `change` of the metric (of accuracy a fraction) and its 95 % interval for matched
    pairs are NaN: only that it is at least as bad as was asked for is known.
    """

    layer: str
    sparsity: float
    loses: bool
    samples: int
    change: float
    change_low: float
    change_high: float


class Search:
    """Finds for each layer the lowest level at which it alone costs `loss` of a metric or more.

    One evaluation at a time, so that it can be shown, stopped and gone on with. By accuracy an
    evaluation begins with the inputs that the original only just gets right, and ends as soon as
    the loss is certain whatever the others do (curtailed sampling, Wald 1947); by another metric
    it takes all inputs. Which level is tried next depends on what each outcome costs and on where
    the layers before lost so much.
    """

    def __init__(
        self,
        model: nn.Module,
        units: tuple[Units, ...],
        ranking: Ranking,
        x: Batch,
        y: Tensor,
        levels: Sequence[float] = LEVELS,
        loss: float = LOSS,
        budget_bytes: int = BUDGET_BYTES,
        refit: Refit | None = None,
        remove: Remove = apply,
        answers: Answers | None = None,
        task: Task = CLASSIFICATION,
        metric: Metric = ACCURACY,
    ) -> None:
        """Prepare; `x`, `y` (N, …) are held-out data, `loss` is above 0, in the metric's unit.

        Of accuracy it is a fraction in (0, 1]. `remove` makes the networks; `refit` is done to each
        before it is looked at, and to the original. `answers` are the original's, where they are
        known. ValueError where levels do not rise, or for another loss.
        """
        self._task, self._metric = task, metric
        self._by_count = task.labelled and metric.name == ACCURACY.name
        if self._by_count and not 0 < loss <= 1:
            raise RefusedError(analysing.no_loss(loss))
        if not 0 < loss <= metric.most - metric.least or not isfinite(loss):
            raise RefusedError(analysing.no_loss_of(metric.noun, loss))
        self._levels, self.loss = check_levels(levels), loss
        self._alone = Alone(model, units, ranking, some(x, slice(2)), remove)
        self._model, self._x, self._y, self._budget_bytes = model, x, y, budget_bytes
        self._refit, self._known = refit, None if refit else answers
        self._names = [layer.name for layer in units]
        self._open = {name: (0, len(self._levels)) for name in self._names}
        self.rows: list[Probe] = []
        self._why: dict[str, str] = {}  # layers of which a level could not be measured

    @property
    def promise(self) -> Fact:
        """Return how far the thresholds can be trusted."""
        said = in_words(self.loss, self._metric)
        if self._by_count:
            return scanned.thresholds_as_all_levels(said)
        return scanned.thresholds_by(said, self._metric.noun, verb(self._metric))

    @property
    def notes(self) -> tuple[Fact, ...]:
        """Return what the reader must know of how it was computed."""
        names = dict.fromkeys(row.layer for row in self.rows if not row.samples)
        lost = [scanned.unmeasured(f"a level of layer {n}", self._why.get(n, "")) for n in names]
        # What is drawn at random comes out otherwise the next time, so nothing is promised.
        promise = () if self.evaluator.why_plain in passes.drawn else (self.promise,)
        return (*promise, *refit_notes(self._refit), *self.evaluator.notes, *lost)

    @cached_property
    def evaluator(self) -> Evaluator:
        """Return what evaluates the probes; nothing is computed before the first one."""
        original, order = refitted(self._model, self._refit), None
        if self._by_count:
            known = predict(original, self._x) if self._known is None else self._known
            order = hardest_first(label_logits(known), self._y)
        budget, task = self._budget_bytes, self._task
        return Evaluator(original, self._x, self._y, budget_bytes=budget, order=order, task=task)

    @cached_property
    def _before(self) -> Counted:
        """Return what is counted of the original; ValueError where the metric is no number."""
        counted = self._task.tally(self.evaluator.original_answers(), self._y)
        if isnan(self._metric.combine(counted)):
            raise RefusedError(analysing.no_number_to_lose(self._metric.noun))
        return counted

    @cached_property
    def _right(self) -> int:
        """Return how many inputs the original gets right."""
        return int((predicted(label_logits(self.evaluator.original_answers())) == self._y).sum())

    @property
    def done(self) -> int:
        """Return how many evaluations are made."""
        return len(self.rows)

    @property
    def total(self) -> int:
        """Return how many evaluations there will be, about: those to come are an estimate."""
        left = (high - low for low, high in self._open.values())
        return self.done + sum(ceil(log2(levels + 1)) for levels in left)

    @property
    def finished(self) -> bool:
        """Return whether every layer's threshold is known."""
        return self._next() is None

    def _next(self) -> tuple[str, int] | None:
        """Return the layer and the number of the level to try next."""
        for name, (low, high) in self._open.items():
            if low < high:
                return name, low + split(self._shares()[low : high + 1]) - 1
        return None

    def _shares(self) -> tuple[float, ...]:
        """Return how often each outcome is expected: as in the layers before, and all possible."""
        shares = [1.0] * (len(self._levels) + 1)
        for low, high in self._open.values():
            if low == high:
                for near, share in ((low - 1, 0.5), (low, 1.0), (low + 1, 0.5)):
                    if 0 <= near < len(shares):
                        shares[near] += share
        return tuple(shares)

    @property
    def sentence(self) -> str:
        """Return which layer was evaluated last."""
        return f"layer {self.rows[-1].layer}" if self.rows else ""

    def step(self) -> Probe:
        """Make and return the next evaluation; a network that cannot be looked at loses."""
        following = self._next()
        if following is None:
            raise ValueError("every layer's threshold is known: read it from the table")
        name, number = following
        try:
            network = self._alone.pruned(name, self._levels[number], self._levels[-1])
        except ValueError as error:
            self._why[name] = str(error)
            probe = Probe(name, self._levels[number], True, 0, nan, nan, nan)
            self._take(probe)
            return probe
        see = self._curtailed if self._by_count else self._compared
        probe = see(name, self._levels[number], refitted(network, self._refit))
        self._take(probe)
        return probe

    def _compared(self, name: str, level: float, network: nn.Module) -> Probe:
        """Return whether a network is so much worse by the metric, on all inputs."""
        after = self._task.tally(self.evaluator.answers(network), self._y)
        change, (low, high) = self._metric.paired(self._before, after)
        keeps = self._metric.gain(change) > -self.loss  # what is no number does not
        return Probe(name, level, not keeps, len(self._y), change, low, high)

    def _curtailed(self, name: str, level: float, network: nn.Module) -> Probe:
        """Return whether a network is so much less accurate, on as many inputs as decide it."""
        needed = ceil(Fraction(repr(float(self.loss))) * len(self._y))
        for tally in tallies(self.evaluator, network):
            if self._loses(tally, needed):
                break
        loses, known = self._loses(tally, needed), (nan, nan, nan)
        seen = estimate(tally, len(self._y))
        if seen.exact:
            known = seen.change, seen.change_low, seen.change_high
        return Probe(name, level, loses, seen.samples, *known)

    def _loses(self, tally: Tally, needed: int) -> bool:
        """Return whether `needed` inputs are lost even if all that are left come out right."""
        left = len(self._y) - tally.samples
        return self._right - tally.right - left >= needed

    def _take(self, probe: Probe) -> None:
        low, high = self._open[probe.layer]
        number = self._levels.index(probe.sparsity)
        self._open[probe.layer] = (low, number) if probe.loses else (number + 1, high)
        self.rows.append(probe)

    def state(self) -> State:
        """Return everything from which `restore` goes on."""
        return {"probes": [vars(row) for row in self.rows]}

    def restore(self, state: State) -> None:
        """Take over evaluations made before; ValueError where they are not this search's."""
        rows = [Probe(**row) for row in state["probes"]]
        self.rows, self._open = [], {name: (0, len(self._levels)) for name in self._names}
        for row in rows:
            following = self._next()
            if following is None or (row.layer, row.sparsity) != (
                following[0], self._levels[following[1]],
            ):  # fmt: skip
                raise RefusedError(analysing.other_evaluations())
            self._take(row)

    def table(self) -> pd.DataFrame:
        """Return one row a layer whose threshold is known.

        `sparsity` is the lowest level that costs too much (NaN: none does), `kept` the highest that
        does not (0: none), both fractions removed; `change` is the metric's change at `kept` on
        all inputs, `change_low` and `change_high` its 95 % interval (NaN where that is 0).
        """
        found = []
        for name, (low, high) in self._open.items():
            if low < high:
                continue
            probes = [row for row in self.rows if row.layer == name]
            at = next((p for p in probes if self._levels.index(p.sparsity) == low - 1), None)
            found.append((
                name,
                self._levels[low] if low < len(self._levels) else nan,
                self._levels[low - 1] if low else 0.0,
                at.change if at else nan,
                at.change_low if at else nan,
                at.change_high if at else nan,
                len(probes),
            ))  # fmt: skip
        return pd.DataFrame(found, columns=TABLE)


def probe_table(rows: Sequence[Probe]) -> pd.DataFrame:
    """Return evaluations as a table, one a row."""
    return pd.DataFrame([vars(row) for row in rows], columns=PROBE_COLUMNS)


def read_probes(path: Path) -> pd.DataFrame:
    """Return the evaluations of a search's file; none where it is not there.

    ValueError where the file is damaged.
    """
    return read_table(path, PROBE_COLUMNS, needed=("sparsity", "samples"))


def read_thresholds(path: Path) -> pd.DataFrame:
    """Return the layers' thresholds of a search's file; none where it is not there.

    ValueError where the file is damaged.
    """
    return read_table(path, TABLE, needed=("kept", "probes"))
