"""A report's numbers as tables: one run's beside its original's, two runs' side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit import quality
from pruneviz.plan import Plan
from pruneviz.report import Amount, LatencyPair, MetricNumbers, Report
from pruneviz.ui.frame import speeds
from pruneviz.ui.session import recipes
from pruneviz.ui.words import text

NOTHING = "–"
MOST_VALUE = 80  # characters of a plan's value in a table
AMOUNTS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("Parameters", "parameters", fmt.count),
    ("MACs", "macs", fmt.count),
    ("Weights file", "bytes", fmt.size),
)


def numbers(report: Report) -> list[tuple[str, str, str, str]]:
    """Return measure, original, this run and the change, each with its interval if it has one."""
    rows = []
    for title, found in _by_title(report).items():
        rows.append((title, quality.original(found), quality.pruned(found), quality.change(found)))
    for title, name, write in AMOUNTS:
        amount: Amount = getattr(report, name)
        left_out = _left_out(report, name)
        change = with_left_out(fmt.change(amount.original, amount.pruned), left_out)
        rows.append((title, write(amount.original), write(amount.pruned), change))
    before, after = (_latency(report.latency_ms, which) for which in ("original", "pruned"))
    rows.append(("Latency", before, after, speeds.in_words(report)))
    return rows


def measured(report: Report) -> str:
    """Return on how many inputs, passes and which machine a report's numbers were measured."""
    parts = []
    if report.primary is not None:
        titles = list(_by_title(report))
        what = titles[0] if len(titles) == 1 else "Each metric"
        parts.append(f"{what} on {fmt.inputs_of(report.primary.samples, report.plan)}")
    parts.append(f"latency from {speeds.conditions(report)}")
    return text.sentence("; ".join(parts))


def side_by_side(first: Report, second: Report) -> list[tuple[str, str, str]]:
    """Return measure, first and second run; without headings, which are the runs' names."""
    rows: list[tuple[str, str, str]] = []

    def add(title: str, value: Callable[[Report], str]) -> None:
        rows.append((title, value(first), value(second)))

    found = _by_title(first), _by_title(second)
    for title in dict.fromkeys([*found[0], *found[1]]):
        one, other = (own.get(title) for own in found)
        rows.append((title, _judged(one), _judged(other)))
        rows.append(("against its original", _lost(one), _lost(other)))
    add("Units removed", lambda r: fmt.percent(r.sparsity.achieved))
    for title, name, write in AMOUNTS:
        add(title, lambda r, name=name, write=write: _amount(r, name, write))  # type: ignore[misc]
    # not their milliseconds, which are of two hours or two machines
    add("Speed, against its original", speeds.in_words)
    add("Recovery", lambda r: recipes.words(r.plan) or "none")
    return rows


def judged_apart(first: Report, second: Report) -> str:
    """Return which metrics only one of two runs is judged by, "" where both are by the same."""
    one, other = (list(_by_title(report)) for report in (first, second))
    if not (one and other):
        return ""
    alone = {
        "first": [text.sentence_case(title) for title in one if title not in other],
        "second": [text.sentence_case(title) for title in other if title not in one],
    }
    parts = [f"only the {run} by {', '.join(titles)}" for run, titles in alone.items() if titles]
    return f"They are judged by different metrics: {'; '.join(parts)}." if parts else ""


def plan_differences(first: Plan, second: Plan) -> list[tuple[str, str, str]]:
    """Return the fields in which two plans differ, with both values."""
    one, other = (_flat(plan.model_dump(mode="json")) for plan in (first, second))
    names = dict.fromkeys([*one, *other])
    return [
        (name, one.get(name, NOTHING), other.get(name, NOTHING))
        for name in names
        if one.get(name) != other.get(name)
    ]


# On a narrow page an interval may stand below its number, and its upper end below the lower.
BREAKS = (
    (f"{text.NO_BREAK}\\(", " \\("),
    (f"{text.NO_BREAK}to{text.NO_BREAK}", f" to{text.NO_BREAK}"),
    (f",{text.NO_BREAK}", ", "),
)


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
    for unbroken, broken in BREAKS:
        whole = whole.replace(unbroken, broken)
    return whole


def _by_title(report: Report) -> dict[str, MetricNumbers]:
    """Return a report's metrics by their titles, which say their settings."""
    return {quality.title(found): found for found in map(MetricNumbers.of, report.quality)}


def _judged(found: MetricNumbers | None) -> str:
    if found is None:
        return NOTHING
    return f"{quality.pruned(found)}, {fmt.plural(found.samples, 'input')}"


def _lost(found: MetricNumbers | None) -> str:
    return NOTHING if found is None else quality.change(found)


def _amount(report: Report, name: str, write: Callable[[float], str]) -> str:
    amount: Amount = getattr(report, name)
    change = with_left_out(fmt.change(amount.original, amount.pruned), _left_out(report, name))
    return f"{write(amount.pruned)} ({change})"


def _left_out(report: Report, name: str) -> str:
    return report.uncounted.in_words() if name == "macs" else ""


def with_left_out(number: str, left_out: str) -> str:
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
