"""A recovery's rows: which is best and which is last, the mean of several seeds, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pruneviz.figures.kit import format as fmt
from pruneviz.report import EpochRow, MetricPair, RecoveryReport, best_row

Rows = Sequence[EpochRow]
Curves = Mapping[int, Rows]  # by seed

NOTHING = 0.0005  # a difference that is written as 0.0 points
AVERAGED = ("loss", "train_accuracy", "accuracy", "held_out_loss")


@dataclass(frozen=True)
class Levels:
    """Accuracies to compare with, fractions: the original, the pruned network before recovery, and
    the control, which is the recalibrated original; None where one is not known or there is none.
    """

    original: float
    before: float | None = None
    control: float | None = None

    @classmethod
    def of(cls, accuracy: MetricPair, recovery: RecoveryReport) -> Levels:
        """Return what a finished recovery is compared with."""
        control = recovery.control.accuracy if recovery.control else None
        return cls(accuracy.original, recovery.before.accuracy, control)


@dataclass(frozen=True)
class Course:
    """What a recovery is planned to be, on how many held-out inputs, and how far it is."""

    epochs: int
    rounds: int
    samples: int
    over: bool = False

    @classmethod
    def of(cls, accuracy: MetricPair, recovery: RecoveryReport) -> Course:
        """Return what a finished recovery was."""
        return cls(recovery.epochs, recovery.rounds, accuracy.samples, over=True)


def what_to_see(curves: Curves, levels: Levels, course: Course) -> str:
    """Return a figure's title: accuracy, and how much of what pruning cost is back."""
    last = [rows[-1] for rows in curves.values() if trained(rows)]
    if not last:
        return _cost(levels)  # whether any are on their way, only a job's own line can say
    when = _when(last, course)
    accuracy = fmt.unbroken(fmt.percent(fmean(row.accuracy for row in last)))
    if len(last) > 1:
        low, high = (_number(end(row.accuracy for row in last)) for end in (min, max))
        return f"Mean of {len(last)} seeds: {accuracy} ({low} to {high}) after {when}"
    return f"{when[:1].upper()}{when[1:]}: {accuracy}, {_back(last[0].accuracy, levels)}"


def best_and_last(rows: Rows) -> tuple[EpochRow, EpochRow] | None:
    """Return the last round's epoch with the highest accuracy and the last row; None without any.

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
    """Return the rows that all curves have, accuracy and losses averaged over them."""
    return [
        rows[0].model_copy(
            update={name: _mean([getattr(row, name) for row in rows]) for name in AVERAGED}
        )
        for rows in zip(*curves, strict=False)
    ]


def row_name(row: EpochRow) -> str:
    """Return what a row was measured after, in words."""
    if row.step == "prune":
        return "pruned"
    what = row.step.replace("_", " ")
    return f"{what}, epoch {row.epoch}" if row.loss is not None else what


def _cost(levels: Levels) -> str:
    """Return what pruning cost, which is what a recovery can win back."""
    if levels.before is None:
        return "How accuracy comes back, epoch by epoch"
    lost, accuracy = levels.original - levels.before, fmt.unbroken(fmt.percent(levels.before))
    if lost < NOTHING:
        return f"Pruning cost nothing: {accuracy} without any recovery"
    return f"Pruning cost {_number(lost)} points: {accuracy} without any recovery"


def _when(last: Rows, course: Course) -> str:
    done = min(row.epoch for row in last)
    if course.epochs == 0:
        return "no training"
    if course.over:
        return fmt.plural(done, "epoch")
    return f"{done} of {fmt.plural(course.epochs, 'epoch')}"


def _back(accuracy: float, levels: Levels) -> str:
    """Return how much of what pruning cost is back; without any cost, what changed."""
    before = levels.original if levels.before is None else levels.before
    lost, back = levels.original - before, accuracy - before
    if abs(back) < NOTHING:
        return "the same as before"
    if back < 0:
        return f"{_number(-back)} points less than before"
    if lost < NOTHING:
        return f"{_number(back)} points more than before"
    if accuracy > levels.original - NOTHING:
        return f"all {_number(lost)} lost points are back"
    return f"{_number(back)} of {_number(lost)} lost points are back"


def _number(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
