"""The strip in words: four numbers beside the original's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pruneviz.figures.kit import format as fmt
from pruneviz.metrics import Metric
from pruneviz.report import Amount, LatencyPair, MetricPair, Uncounted

if TYPE_CHECKING:
    from pruneviz.run import Baseline
from pruneviz.ui.words.text import NO_BREAK

STRIP_NAMES = 2  # operators in the strip's narrow cell
QUALITY = "accuracy"  # the key of the first cell, whatever metric it shows
NO_DATA = "no data: choose some on Home"


@dataclass(frozen=True)
class Cell:
    """One number of the strip: pruned now, original before, and the change; empty when unknown.

    `part` says of how many inputs an estimate is, or what a number leaves out.
    """

    key: str
    label: str
    value: str = "–"
    spread: str = ""
    original: str = ""
    change: str = ""
    note: str = ""
    part: str = ""


def quality_cell(
    pair: MetricPair | None,
    metric: Metric,
    *,
    exact: bool,
    total: int,
    original: float | None = None,
) -> Cell:
    """Return a metric of both networks with 95 % intervals; ≈ and of how many inputs until exact.

    The `original`'s is known on all inputs at any time. The change is that on the same inputs, so
    its interval is narrow from the first batch on.
    """
    if pair is None:
        return Cell(QUALITY, metric.title, note="" if total else NO_DATA)
    change = fmt.metric_change(metric, pair.change)
    return Cell(
        QUALITY,
        metric.title,
        value=("" if exact else f"{fmt.ABOUT} ") + fmt.metric_value(metric, pair.pruned),
        spread=f"({fmt.metric_spread(metric, *pair.pruned_interval)})",
        original=fmt.metric_value(metric, pair.original if original is None else original),
        change=f"{change} ({fmt.metric_spread(metric, *pair.change_interval)})",
        part="" if exact else on_the_same(pair.samples, total),
    )


def size_cell(size: Amount) -> Cell:
    """Return the sizes of both weights files."""
    return _amount_cell("size", "Size", size, fmt.size)


def macs_cell(macs: Amount, uncounted: Uncounted) -> Cell:
    """Return the multiply-accumulates of one input through both networks, and what they lack."""
    return replace(
        _amount_cell("macs", "MACs", macs, fmt.count), part=uncounted.in_words(STRIP_NAMES)
    )


def uncounted_of(baseline: Baseline) -> str:
    """Return what the original's MACs leave out, in the words of all places."""
    names = baseline.uncounted
    return Uncounted(original=names, pruned=names).in_words(STRIP_NAMES)


def original_cells(
    metric: Metric, quality: float | None, baseline: Baseline, latency: LatencyPair | None
) -> list[Cell]:
    """Return the original's numbers alone: they stay true while a plan cannot be carried out."""
    return [
        Cell(
            QUALITY,
            metric.title,
            original="" if quality is None else fmt.metric_value(metric, quality),
            note=NO_DATA if quality is None else "",
        ),
        Cell("size", "Size", original=fmt.size(baseline.bytes)),
        Cell(
            "macs",
            "MACs",
            original=fmt.count(sum(baseline.macs.values())),
            part=uncounted_of(baseline),
        ),
        Cell(
            "latency",
            "Latency",
            original=fmt.milliseconds(latency.original.median) if latency else "",
        ),
    ]


def cell_markdown(cell: Cell) -> str:
    """Return a cell as three lines of Markdown, always three, so that nothing moves.

    An estimate has a fourth one, for which the strip keeps the space.
    """
    value = f"**:orange[{cell.value}]**" if cell.value != "–" else ":gray[–]"
    spread = f" :small[:gray[{cell.spread}]]" if cell.spread else ""
    if cell.original:
        last = f"of :blue[{cell.original}]" + (f" · {cell.change}" if cell.change else "")
    else:
        last = f":gray[{cell.note or ' '}]"
    # an interval is read as one
    last = re.sub(r"\([^()]*\)", lambda interval: fmt.unbroken(interval[0]), last)
    lines = f":small[:gray[{cell.label}]]  \n{value}{spread}  \n:small[{last}]"
    if cell.part:
        lines += f"  \n:small[:gray[{cell.part}]]"
    for number_and_unit in (" %", " ms", " points", "± ", "< ", f"{fmt.ABOUT} "):
        lines = lines.replace(number_and_unit, number_and_unit.replace(" ", NO_BREAK))
    return lines


def cell_sentence(cell: Cell) -> str:
    """Return a cell as plain words, for tooltips and for those who do not see it."""
    if not cell.original:
        return f"{cell.label}: {cell.note or 'not known yet'}"
    part = f" {cell.part}" if cell.part else ""
    if not cell.change:
        return f"{cell.label}: original {cell.original}{part}"
    now = " ".join(part for part in (cell.value, cell.spread) if part)
    return f"{cell.label}: pruned {now}, original {cell.original}, change {cell.change}{part}"


def on_the_same(samples: int, total: int) -> str:
    """Return of which inputs an estimate and its change are."""
    return f"on the same {samples:,} of {fmt.plural(total, 'input')}"


def _amount_cell(key: str, label: str, amount: Amount, write: Callable[[float], str]) -> Cell:
    return Cell(
        key,
        label,
        value=write(amount.pruned),
        original=write(amount.original),
        change=fmt.change(amount.original, amount.pruned),
    )
