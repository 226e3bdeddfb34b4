"""Reports as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from pruneviz.cli.console import output
from pruneviz.figures.kit import quality
from pruneviz.figures.kit.format import plural
from pruneviz.granularity import noun, stays_dense
from pruneviz.measure.speed import speed
from pruneviz.metrics import metric_of
from pruneviz.metrics.metric import sentence_case
from pruneviz.report import MetricNumbers, MetricPair, Report

if TYPE_CHECKING:
    import pandas as pd

    from pruneviz.blockwise.work import Progress
    from pruneviz.vocabulary import Fewer


FRACTION = "fraction"  # the unit of metrics that are shares


def print_report(report: Report) -> None:
    """Print the report's numbers, pruned beside original."""
    console, sparsity = output(), report.sparsity
    table = Table("", "original", "pruned", "change")
    for row in (*_quality_rows(report), *_amount_rows(report), *_latency_rows(report)):
        table.add_row(*row)
    console.print(f"{report.model} ({report.weights_label}), plan {report.digest[:12]}")
    console.print(
        f"{sparsity.removed:,} of {sparsity.units:,} units ({noun(sparsity.unit)}) removed: "
        f"asked {sparsity.requested:.4g}, reached {sparsity.achieved:.4g}"
    )
    console.print(table)


def print_blocks(done: Progress) -> None:
    """Print what a pruning block by block came to."""
    from pruneviz.blockwise.judged import PERPLEXITY

    gone = done.weights - done.stay
    console, found = output(), done.judged
    console.print(
        f"{gone:,} of {done.weights:,} weights of the blocks removed, calibrated on "
        f"{plural(done.windows, 'window')} of the text",
        highlight=False,
    )
    if found is None:
        return
    table = Table("", "original", "pruned", "change")
    title = f"Perplexity ({found.tokens:,} tokens in windows of {found.length:,})"
    values = (
        f"{write(value)} [{write(low)}, {write(high)}]"
        for write, value, (low, high) in (
            (PERPLEXITY.written, found.original, found.original_interval),
            (PERPLEXITY.written, found.pruned, found.pruned_interval),
            (PERPLEXITY.written_change, found.change, found.change_interval),
        )
    )
    table.add_row(title, *values)
    console.print(table)


def print_vocabulary(found: Fewer) -> None:
    """Print what a cut of the vocabulary came to."""
    table = Table("", "original", "fewer tokens")
    table.add_row("Tokens that the model knows", *(f"{n:,}" for n in found.tokens))
    table.add_row("Parameters", *(f"{n:,}" for n in found.parameters))
    table.add_row("Tokens of the text's last quarter", *(f"{n:,}" for n in found.judged_tokens))
    cells = zip(found.bits_per_byte, found.intervals, strict=True)
    bits = (f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, (low, high) in cells)
    table.add_row("Bits per byte of it", *bits)
    output().print(table)


Row = tuple[str, str, str, str]


def _quality_rows(report: Report) -> list[Row]:
    rows = []
    for found in map(MetricNumbers.of, report.quality):
        title = f"{sentence_case(quality.title(found))} ({found.samples} inputs)"
        rows.append(
            (title, _value(found, found.original), _value(found, found.pruned), _change(found))
        )
    if report.primary is not None and report.recovery is not None:
        rows.append(_before_recovery(report.primary, report.recovery.before.value))
    return rows


def _before_recovery(pair: MetricPair, before: float) -> Row:
    """Return the primary metric of the same pruning without recovery, and what that won."""
    metric = metric_of(pair)
    title = f"{sentence_case(metric.title)} before recovery"
    if metric.unit == FRACTION:
        gained = f"{100 * (pair.pruned - before):+.2f} points by recovery"
        return title, "", f"{before:.2%}", gained
    gained = f"{metric.written_change(pair.pruned - before)} by recovery"
    return title, "", metric.written(before), gained


def _value(found: MetricNumbers, number: float | None) -> str:
    """Return a metric's value; a share to a hundredth of a percent."""
    if number is not None and quality.metric_named(found.metric).unit == FRACTION:
        return f"{number:.2%}"
    return quality.value(found, number)


def _change(found: MetricNumbers) -> str:
    """Return a metric's change with the ends of its interval, all with their signs."""
    if found.change is None:
        return quality.NOT_KNOWN
    metric, low, high = quality.metric_named(found.metric), found.change_low, found.change_high
    unit = metric.symbol_of_changes

    def alone(number: float) -> str:
        if metric.unit == FRACTION:
            return f"{100 * number:+.2f}"
        return metric.written_change(number).removesuffix(unit)

    known = [alone(end) for end in (low, high) if end is not None]
    ends = " to ".join(known) if len(known) == 2 else quality.NO_INTERVAL
    return f"{alone(found.change)}{unit} ({ends})"


def _amount_rows(report: Report) -> list[Row]:
    left_out = report.uncounted.in_words()
    macs = f"MACs, {left_out}" if left_out else "MACs"
    amounts = {"parameters": report.parameters, macs: report.macs, "bytes": report.bytes}
    return [
        (name, f"{a.original:,}", f"{a.pruned:,}", f"{a.pruned / max(a.original, 1) - 1:+.1%}")
        for name, a in amounts.items()
    ]


def _latency_rows(report: Report) -> list[Row]:
    pair = report.latency_ms
    dense = stays_dense(report.plan.granularity, report.sparsity.removed)
    said = speed(pair).in_words(dense=dense)
    medians = f"{pair.original.median:.3f} ms", f"{pair.pruned.median:.3f} ms"
    tails = f"{pair.original.p95:.3f} ms", f"{pair.pruned.p95:.3f} ms"
    median = f"latency, median of {pair.pruned.runs:,} passes in turns"
    return [(median, *medians, said), ("latency, 95th percentile", *tails, "")]


def print_check(model: str, result: dict[str, Any]) -> None:
    """Print what a check of a model found."""
    console, parameters = output(), result["parameters"]
    console.print(
        f"{model}: {result['groups']} groups, {result['units']} units; "
        f"{parameters['original']:,} → {parameters['pruned']:,} parameters; "
        f"masked and cut differ by {result['max_relative_error']:.1e}; {result['seconds']:.1f} s",
        highlight=False,
    )
    for item in result["skipped"]:
        console.print(f"  not cut: {item['name']}: {item['reason']}", markup=False, highlight=False)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows for JSON; what is no finite number is None."""
    known = table.replace([float("inf"), float("-inf")], float("nan")).astype(object)
    return [
        {str(name): value for name, value in row.items()}
        for row in known.where(known.notna(), None).to_dict("records")
    ]


def print_rows(table: pd.DataFrame) -> None:
    """Print a table as it is, a line a row, numbers to four digits."""
    text = table.to_string(index=False, float_format="{:.4g}".format)
    output().print(text, highlight=False, markup=False, soft_wrap=True)
