"""A recovery's rows: which is best and which is last, the mean of several seeds, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean

from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import METRICS, Metric, best_row, metric_of
from pruneviz.metrics.statistics import wilson
from pruneviz.report import ACCURACY, EpochRow, Interval, MetricPair, RecoveryReport

Rows = Sequence[EpochRow]
Curves = Mapping[int, Rows]  # by seed

RIGHT = METRICS.get(ACCURACY)
AVERAGED = ("loss", "train_value", "value", "held_out_loss")


@dataclass(frozen=True)
class Levels:
    """Values of `metric` to compare with: the original, the pruned network before recovery, and
    the control, which is the recalibrated original; None where one is not known or there is none.
    """

    original: float
    before: float | None = None
    control: float | None = None
    metric: Metric = RIGHT

    @classmethod
    def of(cls, quality: MetricPair, recovery: RecoveryReport) -> Levels:
        """Return what a finished recovery is compared with, by its primary metric."""
        control = recovery.control.value if recovery.control else None
        return cls(quality.original, recovery.before.value, control, metric_of(quality))

    @property
    def known(self) -> list[float]:
        """Return those that are known, and finite."""
        every = (self.original, self.control, self.before)
        return [value for value in every if value is not None and isfinite(value)]


@dataclass(frozen=True)
class Course:
    """What a recovery is planned to be, on how many held-out inputs, and how far it is.

    `weighted` says that its training counts inputs of some classes more than others.
    """

    epochs: int
    rounds: int
    samples: int
    over: bool = False
    weighted: bool = False

    @classmethod
    def of(cls, quality: MetricPair, recovery: RecoveryReport, *, weighted: bool = False) -> Course:
        """Return what a finished recovery was."""
        return cls(recovery.epochs, recovery.rounds, quality.samples, True, weighted)


def what_to_see(curves: Curves, levels: Levels, course: Course) -> str:
    """Return a figure's title: the metric, and how much of what pruning cost is back."""
    last = [rows[-1] for rows in curves.values() if trained(rows)]
    if not last:
        return _cost(levels)  # whether any are on their way, only a job's own line can say
    when, metric = _when(last, course), levels.metric
    reached = _named(metric, fmean(row.value for row in last))
    if len(last) > 1:
        low, high = (metric.written_alone(end(row.value for row in last)) for end in (min, max))
        return f"Mean of {len(last)} seeds: {reached} ({low} to {high}) after {when}"
    return f"{when[:1].upper()}{when[1:]}: {reached}, {_back(last[0].value, levels)}"


def best_and_last(rows: Rows) -> tuple[EpochRow, EpochRow] | None:
    """Return the last round's epoch with the best value and the last row; None without any.

    The last is the result; the best was chosen by looking at the inputs that judge it.
    """
    if not trained(rows):
        return None
    return best_row(rows) or rows[-1], rows[-1]


def trained(rows: Rows) -> list[EpochRow]:
    """Return what came after a recovery's step, without the prunings themselves."""
    return [row for row in rows if row.step != "prune"]


def thinned(rows: Rows, most: int) -> Rows:
    """Return about `most` of the rows, evenly: always each pruning, the best and the last."""
    stride = -(-len(rows) // most)
    if stride < 2:
        return rows
    kept = best_and_last(rows) or ()
    return [
        row
        for index, row in enumerate(rows)
        if index % stride == 0 or row.step == "prune" or any(row is one for one in kept)
    ]


def mean_of(curves: Sequence[Rows]) -> list[EpochRow]:
    """Return the rows that all curves have, metric and losses averaged over them."""
    return [
        rows[0].model_copy(
            update={name: _mean([getattr(row, name) for row in rows]) for name in AVERAGED}
            | {"interval": None}
        )
        for rows in zip(*curves, strict=False)
    ]


def interval_of(row: EpochRow, samples: int) -> Interval:
    """Return a row's 95 % interval; that of an accuracy on so many inputs is Wilson's."""
    if row.interval is not None:
        return row.interval
    return wilson(round(row.value * samples), samples)


def row_name(row: EpochRow) -> str:
    """Return what a row was measured after, in words."""
    if row.step == "prune":
        return "pruned"
    what = row.step.replace("_", " ")
    return f"{what}, epoch {row.epoch}" if row.loss is not None else what


def _cost(levels: Levels) -> str:
    """Return what pruning cost, which is what a recovery can win back."""
    metric = levels.metric
    if levels.before is None:
        return f"How {metric.noun} comes back, epoch by epoch"
    lost, before = metric.gain(levels.original - levels.before), _named(metric, levels.before)
    if not isfinite(lost):
        return f"Without any recovery: {before}"
    if _nothing(lost, metric) or lost < 0:
        return f"Pruning cost nothing: {before} without any recovery"
    return f"Pruning cost {_amount(lost, metric)}: {before} without any recovery"


def _when(last: Rows, course: Course) -> str:
    done = min(row.epoch for row in last)
    if course.epochs == 0:
        return "no training"
    if course.over:
        return fmt.plural(done, "epoch")
    return f"{done} of {fmt.plural(course.epochs, 'epoch')}"


def _back(value: float, levels: Levels) -> str:
    """Return how much of what pruning cost is back; without any cost, what changed."""
    metric = levels.metric
    before = levels.original if levels.before is None else levels.before
    lost, back = metric.gain(levels.original - before), metric.gain(value - before)
    if not isfinite(lost + back):
        return f"and {_named(metric, before)} before"
    if _nothing(back, metric):
        return "the same as before"
    if back < 0:
        return f"{_amount(-back, metric)} {_fewer(metric)} than before"
    if _nothing(lost, metric) or lost < 0:
        return f"{_amount(back, metric)} {_more(metric)} than before"
    left, cost = metric.gain(levels.original - value), metric.written_alone(lost)
    unit = metric.symbol_of_changes
    what = f"lost{unit} are back" if unit else "that pruning cost is back"
    if left < 0 or _nothing(left, metric):
        return f"all {cost} {what}"
    return f"{metric.written_alone(back)} of {'' if unit else 'the '}{cost} {what}"


def _more(metric: Metric) -> str:
    """Return what more of a metric is called where a network got better."""
    return "more" if metric.better == "higher" else "less"


def _fewer(metric: Metric) -> str:
    return "less" if metric.better == "higher" else "more"


def _nothing(difference: float, metric: Metric) -> bool:
    """Return whether a difference is written as nothing."""
    return float(metric.written_alone(difference)) == 0


def _amount(difference: float, metric: Metric) -> str:
    return f"{metric.written_alone(difference)}{metric.symbol_of_changes}"


def _named(metric: Metric, value: float) -> str:
    """Return a value on one line, with its metric's name where that is no accuracy."""
    written = fmt.unbroken(fmt.metric_value(metric, value))
    return written if metric.name == ACCURACY else f"{metric.noun} {written}"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
