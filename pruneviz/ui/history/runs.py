"""Runs in words and tables: a row of the list, one run's numbers, two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pruneviz.criteria import CRITERIA
from pruneviz.figures.kit import format as fmt
from pruneviz.granularity import noun
from pruneviz.history.lineage import Lineage
from pruneviz.history.row import Row
from pruneviz.jobs.job import Job
from pruneviz.jobs.kind import Link, kind_title
from pruneviz.plan import Plan
from pruneviz.report import Accuracy, Amount, LatencyPair, Report
from pruneviz.ui.frame import speeds
from pruneviz.ui.session import recipes
from pruneviz.ui.words import text

SHORT = 12  # digits of a digest that people see
NOTHING = "–"
PER_PAGE, MOST_ROWS = 50, 10  # runs a page of the list, and how many of them without scrolling
ROW_HEIGHT = 35  # pixels
MOST_VALUE = 80  # characters of a plan's value in a table
AMOUNTS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("Parameters", "parameters", fmt.count),
    ("MACs", "macs", fmt.count),
    ("Weights file", "bytes", fmt.size),
)


@dataclass(frozen=True)
class Paging:
    """A list of so many runs, a page at a time."""

    total: int

    @property
    def pages(self) -> int:
        """Return how many pages there are."""
        return -(-self.total // PER_PAGE)

    def offset(self, page: int) -> int:
        """Return how many runs stand before a page; pages count from 1."""
        return (page - 1) * PER_PAGE

    def line(self, offset: int, shown: int) -> str:
        """Return in words which of the runs are shown."""
        if shown == self.total:
            return fmt.plural(self.total, "run")
        return f"{offset + 1:,} to {offset + shown:,} of {fmt.plural(self.total, 'run')}"


def list_height(rows: int) -> int:
    """Return the list's height in pixels: its heading and the rows that show without scrolling."""
    return (min(rows, MOST_ROWS) + 1) * ROW_HEIGHT + 3


def called(row: Row) -> str:
    """Return what a run is called: by its name, else by what it did, else by its digest."""
    if row.name or not row.kind:
        return row.name or row.digest[:SHORT]
    model = row.model.removeprefix("sample:").removeprefix("torchvision:")
    kind = "" if row.kind == "run" else f"{kind_title(row.kind)}: "
    return f"{kind}{model} · {how(row)}"


def told_apart(rows: Sequence[Row]) -> list[str]:
    """Return what several runs are called, with digits of their digests where names are alike."""
    names = [called(row) for row in rows]
    return [
        name if names.count(name) == 1 else f"{name} ({row.digest[:SHORT]})"
        for name, row in zip(names, rows, strict=True)
    ]


def what(row: Row) -> str:
    """Return in one line what a run did: `Digits, convolutional · 48 % of channels, Taylor`."""
    if not row.kind:
        return row.damage or NOTHING
    prefix = "" if row.kind == "run" else f"{kind_title(row.kind)}: "
    return f"{prefix}{text.model_title(row.model)} · {how(row)}"


def link_of(row: Row, job: Job[None]) -> Link:
    """Return the page that shows what a run found, or how far its recovery is."""
    link = job.link
    if row.recovery and row.state != "finished":
        return replace(link, page="recover")
    return link if job.about else replace(link, page="compare")


def how(row: Row) -> str:
    """Return how a run pruned, without its model: `48 % of channels, Taylor, global`."""
    criterion, units = row.criterion, f"{noun(row.granularity)}s"
    if criterion in CRITERIA.names():
        criterion = CRITERIA.get(criterion).title.replace(",", "")
    removed = row.sparsity if row.achieved is None else row.achieved
    if row.kind == "run" and removed is not None:
        units = f"{fmt.share(removed)} of {units}"
    usual = row.kind != "run" or row.scope == Plan().scope
    return ", ".join([units, criterion, *[row.scope] * (not usual)])


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the runs for the list, one a row; times are UTC.

    A run without a name is called by what it did, so that is said of runs with names alone.
    """
    found = pd.DataFrame(
        [
            {
                "Name": " ".join([called(row), *(f"#{tag}" for tag in row.tags)]),
                "State": row.state,
                "Accuracy": accuracy(row),
                "Recovery": recovery(row),
                "MACs": _with(_change(row.macs_original, row.macs), row.uncounted),
                "Size": _change(row.bytes_original, row.bytes),
                "When": _time(row.finished or row.created),
                "What": what(row) if row.name else "",
                "Digest": row.digest[:SHORT],
            }
            for row in rows
        ],
        columns=["Name", "State", "Accuracy", "Recovery", "MACs", "Size", "When", "What", "Digest"],
    )
    return found if any(row.name for row in rows) else found.drop(columns="What")


def columns(timezone: str | None) -> dict[str, Any]:
    """Return how the list's columns look; times are told in the reader's own zone."""
    column = st.column_config
    return {
        "Name": column.TextColumn(width=400),
        "State": column.TextColumn(width=80),
        "Accuracy": column.TextColumn(
            width=150, help="On the inputs that are evaluated, with its 95 % interval"
        ),
        "MACs": column.TextColumn(help="Multiply-accumulates of one input, against the original"),
        "Size": column.TextColumn(help="Bytes of the weights file, against the original"),
        "Recovery": column.TextColumn(width=150),
        "What": column.TextColumn(width=330),
        "When": column.DatetimeColumn(format="D MMM YYYY, HH:mm", timezone=timezone),
        "Digest": column.TextColumn(width=110, help="Of the plan; the run's folder is called so"),
    }


def accuracy(row: Row) -> str:
    """Return a run's accuracy with its interval, or that there is none."""
    if row.accuracy is None or row.accuracy_low is None or row.accuracy_high is None:
        return NOTHING
    return f"{fmt.percent(row.accuracy)} ({fmt.spread(row.accuracy_low, row.accuracy_high)})"


def recovery(row: Row) -> str:
    """Return how a run won accuracy back, in a few words."""
    return row.recovery.replace("_", " ") or (NOTHING if row.kind == "run" else "")


def _change(original: int | None, pruned: int | None) -> str:
    return NOTHING if original is None or pruned is None else fmt.change(original, pruned)


def _time(given: str) -> datetime | None:
    try:
        return datetime.fromisoformat(given)
    except ValueError:  # an imported folder may say anything
        return None


def numbers(report: Report) -> list[tuple[str, str, str, str]]:
    """Return measure, original, this run and the change, each with its interval if it has one."""
    rows = []
    if report.accuracy is not None:
        found = report.accuracy
        change = f"{fmt.points(found.change)} ({fmt.spread(*found.change_interval)})"
        rows.append(("Accuracy", *_accuracies(found), change))
    for title, name, write in AMOUNTS:
        amount: Amount = getattr(report, name)
        left_out = _left_out(report, name)
        change = _with(fmt.change(amount.original, amount.pruned), left_out)
        rows.append((title, write(amount.original), write(amount.pruned), change))
    before, after = (_latency(report.latency_ms, which) for which in ("original", "pruned"))
    rows.append(("Latency", before, after, speeds.in_words(report)))
    return rows


def measured(report: Report) -> str:
    """Return on how many inputs, passes and which machine a report's numbers were measured."""
    parts = []
    if report.accuracy is not None:
        parts.append(f"Accuracy on {fmt.inputs_of(report.accuracy.samples, report.plan)}")
    parts.append(f"latency from {speeds.conditions(report)}")
    return text.sentence("; ".join(parts))


def side_by_side(first: Report, second: Report) -> list[tuple[str, str, str]]:
    """Return measure, first and second run; without headings, which are the runs' names."""
    rows: list[tuple[str, str, str]] = []

    def add(title: str, value: Callable[[Report], str]) -> None:
        rows.append((title, value(first), value(second)))

    add("Accuracy", lambda r: NOTHING if r.accuracy is None else _judged(r.accuracy))
    add("against its original", lambda r: NOTHING if r.accuracy is None else _lost(r.accuracy))
    add("Units removed", lambda r: fmt.percent(r.sparsity.achieved))
    for title, name, write in AMOUNTS:
        add(title, lambda r, name=name, write=write: _amount(r, name, write))  # type: ignore[misc]
    # not their milliseconds, which are of two hours or two machines
    add("Speed, against its original", speeds.in_words)
    add("Recovery", lambda r: recipes.words(r.plan) or "none")
    return rows


def plan_differences(first: Plan, second: Plan) -> list[tuple[str, str, str]]:
    """Return the fields in which two plans differ, with both values."""
    one, other = (_flat(plan.model_dump(mode="json")) for plan in (first, second))
    names = dict.fromkeys([*one, *other])
    return [
        (name, one.get(name, NOTHING), other.get(name, NOTHING))
        for name in names
        if one.get(name) != other.get(name)
    ]


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown; its headings are Markdown, its cells are not read as such."""
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}", *lines])


def _cell(content: str) -> str:
    """Return a cell's text; a number stays on the line of its unit."""
    shown = text.escape(content)
    if content[:1] not in "0123456789±−+":
        return shown
    whole = fmt.unbroken(shown)
    whole = whole.replace(f"{text.NO_BREAK}\\(", " \\(")  # an interval may stand below it
    return whole.replace(f",{text.NO_BREAK}", ", ")


def family_line(part: Lineage) -> str:
    """Return a run of a lineage in one line."""
    row = part.row
    if row is None:
        return f"{part.digest[:SHORT]}, no longer here"
    found = [called(row), *[how(row)] * bool(row.name), row.digest[:SHORT]]
    found += [accuracy(row)] * (row.accuracy is not None)
    return ", ".join([*found, *[row.state] * (row.state != "finished")])


def _accuracies(found: Accuracy) -> tuple[str, str]:
    return (
        f"{fmt.percent(found.original)} ({fmt.spread(*found.original_interval)})",
        f"{fmt.percent(found.pruned)} ({fmt.spread(*found.pruned_interval)})",
    )


def _judged(found: Accuracy) -> str:
    return f"{_accuracies(found)[1]}, {fmt.plural(found.samples, 'input')}"


def _lost(found: Accuracy) -> str:
    return f"{fmt.points(found.change)} ({fmt.spread(*found.change_interval)})"


def _amount(report: Report, name: str, write: Callable[[float], str]) -> str:
    amount: Amount = getattr(report, name)
    change = _with(fmt.change(amount.original, amount.pruned), _left_out(report, name))
    return f"{write(amount.pruned)} ({change})"


def _left_out(report: Report, name: str) -> str:
    return report.uncounted.in_words() if name == "macs" else ""


def _with(number: str, left_out: str) -> str:
    """Return a number with what it leaves out."""
    return f"{number}, {left_out}" if left_out else number


def _latency(pair: LatencyPair, which: str) -> str:
    found = getattr(pair, which)
    half = (found.median_interval[1] - found.median_interval[0]) / 2
    spread = fmt.plus_minus(half, fmt.time_decimals(found.median))
    return f"{fmt.milliseconds(found.median)} ({spread})"


def _flat(value: Any, where: str = "") -> dict[str, str]:
    """Return nested values by their path, each as text."""
    if isinstance(value, dict) and value:
        parts = [_flat(v, f"{where}.{k}".lstrip(".")) for k, v in value.items()]
        return {name: shown for part in parts for name, shown in part.items()}
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        parts = [_flat(item, f"{where} {number}") for number, item in enumerate(value, 1)]
        return {name: shown for part in parts for name, shown in part.items()}
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {where: shown if len(shown) <= MOST_VALUE else f"{shown[:MOST_VALUE]}…"}
