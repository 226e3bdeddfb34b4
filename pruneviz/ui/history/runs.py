"""Runs in words: a row of the list, a run of a lineage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pruneviz.criteria import CRITERIA
from pruneviz.figures.kit import format as fmt
from pruneviz.figures.kit import quality
from pruneviz.granularity import noun
from pruneviz.history.lineage import Lineage
from pruneviz.history.row import Row
from pruneviz.jobs.job import Job
from pruneviz.jobs.kind import Link, kind_title
from pruneviz.plan import Plan
from pruneviz.ui.history.report_tables import NOTHING, with_left_out
from pruneviz.ui.words import text

SHORT = 12  # digits of a digest that people see
PER_PAGE, MOST_ROWS = 50, 10  # runs a page of the list, and how many of them without scrolling
ROW_HEIGHT = 35  # pixels
ACCURACY, QUALITY = "Accuracy", "Quality"  # the heading of the runs' primary metrics
JUDGED_HELP = "On the inputs that are evaluated, with its 95 % interval"


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

    A run without a name is called by what it did, so that is said of runs with names alone. Where
    not all are judged by accuracy, each number says what it is.
    """
    judged = quality_heading(rows)
    found = pd.DataFrame(
        [
            {
                "Name": " ".join([called(row), *(f"#{tag}" for tag in row.tags)]),
                "State": row.state,
                judged: quality_cell(row, judged),
                "Recovery": recovery(row),
                "MACs": with_left_out(_change(row.macs_original, row.macs), row.uncounted),
                "Size": _change(row.bytes_original, row.bytes),
                "When": _time(row.finished or row.created),
                "What": what(row) if row.name else "",
                "Digest": row.digest[:SHORT],
            }
            for row in rows
        ],
        columns=["Name", "State", judged, "Recovery", "MACs", "Size", "When", "What", "Digest"],
    )
    return found if any(row.name for row in rows) else found.drop(columns="What")


def columns(timezone: str | None) -> dict[str, Any]:
    """Return how the list's columns look; times are told in the reader's own zone."""
    column = st.column_config
    return {
        "Name": column.TextColumn(width=400),
        "State": column.TextColumn(width=80),
        ACCURACY: column.TextColumn(width=150, help=JUDGED_HELP),
        QUALITY: column.TextColumn(width=270, help=JUDGED_HELP),
        "MACs": column.TextColumn(help="Multiply-accumulates of one input, against the original"),
        "Size": column.TextColumn(help="Bytes of the weights file, against the original"),
        "Recovery": column.TextColumn(width=150),
        "What": column.TextColumn(width=330),
        "When": column.DatetimeColumn(format="D MMM YYYY, HH:mm", timezone=timezone),
        "Digest": column.TextColumn(width=110, help="Of the plan; the run's folder is called so"),
    }


def quality_heading(rows: Sequence[Row]) -> str:
    """Return what the column of the runs' primary metrics is called."""
    return ACCURACY if quality.all_accuracy(rows) else QUALITY


def quality_cell(row: Row, heading: str) -> str:
    """Return a run's primary metric with its interval, or that there is none."""
    if row.primary is None:
        return NOTHING
    number = quality.pruned(row.primary)
    return number if heading == ACCURACY else f"{quality.title(row.primary)}: {number}"


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


def family_line(part: Lineage) -> str:
    """Return a run of a lineage in one line."""
    row = part.row
    if row is None:
        return f"{part.digest[:SHORT]}, no longer here"
    found = [called(row), *[how(row)] * bool(row.name), row.digest[:SHORT]]
    found += [quality_cell(row, quality_heading([row]))] * (row.primary is not None)
    return ", ".join([*found, *[row.state] * (row.state != "finished")])
