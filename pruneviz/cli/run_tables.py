"""Runs as tables for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pruneviz.cli.console import output
from pruneviz.figures.epochs import thinned
from pruneviz.figures.kit import format as written
from pruneviz.figures.kit import quality
from pruneviz.granularity import stays_dense
from pruneviz.measure.speed import Speed
from pruneviz.metrics import METRICS
from pruneviz.metrics.metric import sentence_case

if TYPE_CHECKING:
    from pruneviz.history.lineage import Lineage
    from pruneviz.history.row import Row
    from pruneviz.report import EpochRow, MetricNumbers

MOST_EPOCHS = 25  # lines of a curve
WIDE = 100  # columns of a terminal from which MACs and time have room
INCOMPLETE = "*"  # behind a change of MACs that leave something out
DEEPEST = 20  # levels of a lineage that are indented


def print_runs(rows: Sequence[Row], total: int, usage: str) -> None:
    """Print one line a run, how many there are, and what they take on the disk."""
    console = output()
    wide = console.width >= WIDE
    judged = "accuracy" if quality.all_accuracy(rows) else "quality"
    names = ("run", "what", "state", "removed", judged, *("MACs", "created")[: 2 * wide])
    table = Table(*names, box=None, pad_edge=False)
    for column in table.columns:
        column.no_wrap = column.header != "what"
        column.overflow = "fold"
    for row in rows:
        cells = (row.digest[:12], _what(row), row.state, _removed(row), _quality(row, judged),
                 _macs_change(row), row.created[:16].replace("T", " "))  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells[: len(names)]))
    if rows:
        console.print(table)
        if wide:
            _print_uncounted(rows)
    console.print(f"{len(rows)} of {total:,} runs shown; {usage}", markup=False, highlight=False)


def _print_uncounted(rows: Sequence[Row]) -> None:
    """Print what the marked MACs leave out, a line for each different thing."""
    for words in dict.fromkeys(row.uncounted for row in rows if row.uncounted):
        whose = ", ".join(row.digest[:12] for row in rows if row.uncounted == words)
        output().print(f"{INCOMPLETE} {words}: {whose}", markup=False, highlight=False)


def print_run(row: Row, best: EpochRow | None, last: EpochRow | None, lineage: Lineage) -> None:
    """Print what a run is, what it measured, and what it began from."""
    console, table = output(), Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _facts(row, best, last):
        if text:
            table.add_row(name, Text(text))
    console.print(table)
    if lineage.children:
        for depth, part in lineage.lines():
            mark = " ← this run" if part.digest == row.digest else ""
            about = (
                f"{part.row.name} {part.row.state}".strip() if part.row else "not in this history"
            )
            console.print(
                f"{'  ' * min(depth, DEEPEST)}{part.digest[:12]} {about}{mark}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip


def print_curve(curve: Sequence[EpochRow]) -> None:
    """Print a recovery's course, a line an epoch; of a long one about MOST_EPOCHS of them."""
    if not curve:
        return
    shown, metric = thinned(curve, MOST_EPOCHS), METRICS.get(curve[0].metric)
    table = Table(
        "epoch", "round", "after", "removed", metric.noun, "loss", box=None, pad_edge=False
    )
    for row in shown:
        loss = "" if row.loss is None else f"{row.loss:.4g}"
        table.add_row(
            str(row.epoch), str(row.round), Text(row.step.replace("_", " ")),
            written.percent(row.sparsity), written.metric_value(metric, row.value), loss,
        )  # fmt: skip
    console = output()
    console.print(table)
    if len(shown) < len(curve):
        console.print(f"{len(shown)} of {len(curve):,} lines; --json has all of them")


def _facts(row: Row, best: EpochRow | None, last: EpochRow | None) -> list[tuple[str, str]]:
    """Return what is known of a run, by name; what is not is empty."""
    plan = f"{row.criterion}, {row.granularity}, {row.scope}, {row.schedule}, seed {row.seed}"
    return [
        ("run", row.digest),
        ("name", row.name),
        ("tags", ", ".join(row.tags)),
        ("note", row.note),
        ("state", row.state),
        ("damage", row.damage),
        ("error", row.error),
        ("kind", row.kind),
        ("model", " ".join([row.model, f"({row.title})" if row.title else ""]).strip()),
        ("data", row.data),
        ("plan", plan if row.kind else ""),
        ("recovery", row.recovery),
        ("removed", _removed(row)),
        *((sentence_case(quality.title(each)), _judged(each)) for each in row.quality),
        ("best epoch", _epoch(best)),
        ("last epoch", _epoch(last)),
        ("MACs", ", ".join(filter(None, (_change(row.macs_original, row.macs), row.uncounted)))),
        ("parameters", _change(row.parameters_original, row.parameters)),
        ("bytes", _change(row.bytes_original, row.bytes)),
        ("latency", _latency(row)),
        ("created", row.created),
        ("finished", row.finished or ""),
        ("on the disk", written.size(row.bytes_used)),
    ]


def _removed(row: Row) -> str:
    amount = row.achieved if row.achieved is not None else row.sparsity
    return "" if amount is None else written.percent(amount)


def _quality(row: Row, heading: str) -> str:
    """Return a run's primary metric with its interval, named where the heading does not."""
    if row.primary is None:
        return ""
    number = _pruned(row.primary)
    return number if heading == row.primary.metric else f"{row.primary.metric} {number}"


def _pruned(found: MetricNumbers) -> str:
    if found.pruned is None:
        return quality.NOT_KNOWN
    spread = quality.spread(found, found.pruned_low, found.pruned_high)
    return f"{quality.value(found, found.pruned)} {spread or quality.NO_INTERVAL}"


def _judged(found: MetricNumbers) -> str:
    """Return a metric before and after, on how many inputs."""
    before, after = quality.value(found, found.original), _pruned(found)
    return f"{before} → {after} ({found.samples:,} inputs)"


def _macs_change(row: Row) -> str:
    if row.macs is None or row.macs_original is None:
        return ""
    return written.change(row.macs_original, row.macs) + (INCOMPLETE if row.uncounted else "")


def _what(row: Row) -> str:
    """Return a run's name or else its model, its recovery, and its kind where it is no run."""
    kind = "" if row.kind in ("run", "") else f"({row.kind})"
    parts = [row.name or row.model, row.recovery, kind, *(f"#{tag}" for tag in row.tags)]
    return " ".join(part for part in parts if part)


def _change(original: int | None, pruned: int | None) -> str:
    if original is None or pruned is None:
        return ""
    return f"{original:,} → {pruned:,} ({written.change(original, pruned)})"


def _latency(row: Row) -> str:
    if row.latency_ms is None or row.latency_original_ms is None:
        return ""
    before, after = map(written.milliseconds, (row.latency_original_ms, row.latency_ms))
    return f"{before} → {after} (medians): {_speed(row)}"


def _speed(row: Row) -> str:
    """Return how fast a run's network is against its original."""
    nothing = (row.speedup, row.speedup_low, row.speedup_high)
    ratio, low, high = (math.nan if number is None else number for number in nothing)
    dense = stays_dense(row.granularity, row.achieved or 0)
    return Speed(ratio, (low, high), row.timed_passes or 0).in_words(dense=dense)


def _epoch(row: EpochRow | None) -> str:
    if row is None:
        return ""
    loss = "" if row.loss is None else f", loss {row.loss:.4g}"
    metric = METRICS.get(row.metric)
    return f"{row.epoch}: {metric.noun} {written.metric_value(metric, row.value)}{loss}, {row.step}"
