"""A sensitivity scan as the page sees it: a job's folder, its points so far, and its switch."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pruneviz import jobs, run
from pruneviz.figures import format as fmt
from pruneviz.history.folder import (
    CANCEL_FILE,
    POINTS_FILE,
    UNDER_WAY,
    RunFolder,
    State,
    Status,
    run_digest,
    runs_directory,
    scan_plan,
)
from pruneviz.home import default_home
from pruneviz.plan import Plan
from pruneviz.sensitivity import read_points
from pruneviz.ui import cache

TICK_SECONDS = 0.5
# A scan that takes no longer than this begins by itself when the page opens.
SMALL_SECONDS = 30.0
KIND = "sensitivity"
PERCENT = {
    "sparsity": "Removed (%)",
    "accuracy": "Accuracy (%)",
    "low": "95 % from (%)",
    "high": "95 % to (%)",
    "change": "Change (%)",
    "change_low": "Change, 95 % from (%)",
    "change_high": "Change, 95 % to (%)",
}
COLUMN_FORMATS = {
    name: st.column_config.NumberColumn(format="%.0f" if name == "Removed (%)" else "%.1f")
    for name in PERCENT.values()
}


@dataclass(frozen=True)
class Scanning:
    """A scan at one moment. `state` is None while nobody has begun it; `table` is one point a row.

    `expected_seconds` is the whole scan's time by the original's speed, without the start.
    """

    plan: Plan
    folder: RunFolder
    state: State | None
    status: Status
    stopping: bool
    table: pd.DataFrame
    total: int
    samples: int
    expected_seconds: float

    @property
    def busy(self) -> bool:
        """Return whether a process works on the scan, or is about to."""
        return self.state in UNDER_WAY

    @property
    def finished(self) -> bool:
        """Return whether every point is measured and kept."""
        return self.state == "finished"

    @property
    def done(self) -> int:
        """Return how many points are measured."""
        return len(self.table)

    @property
    def fraction(self) -> float:
        """Return how much is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 1.0

    @property
    def small(self) -> bool:
        """Return whether the scan is so short that it begins unasked."""
        return self.expected_seconds <= SMALL_SECONDS


def look(plan: Plan) -> Scanning:
    """Return the scan for a plan's model, data, criterion and granularity; ValueError without data.

    How much the plan removes does not matter to it, so all such plans share one scan, on disk.
    """
    prepared, original = cache.prepared(plan), cache.original(plan)
    whole = run.scan(prepared)
    inputs = len(prepared.subject.data.x) if prepared.subject.data else 0
    bound = scan_plan(run.bind(plan, prepared.subject))
    folder = RunFolder(runs_directory(default_home()) / run_digest(KIND, bound))
    jobs.enforce(folder)
    begun = folder.path.is_dir()
    return Scanning(
        plan=bound,
        folder=folder,
        state=folder.state() if begun else None,
        status=folder.status() or Status(),
        stopping=folder.file(CANCEL_FILE).exists(),
        table=read_points(folder.file(POINTS_FILE)),
        total=whole.total,
        samples=inputs,
        expected_seconds=whole.total * inputs * original.seconds_per_input,
    )


def begin(scan: Scanning) -> None:
    """Begin a scan, or go on with it; ValueError when it may not run or cannot be started."""
    cache.check_allowed(scan.plan)
    jobs.submit(default_home(), KIND, scan.plan)


def stop(scan: Scanning) -> None:
    """Ask a scan to stop; what is measured stays."""
    jobs.cancel(scan.folder)


def line(scan: Scanning) -> str:
    """Return how far a scan is, in points, and how long the rest takes."""
    if scan.state is None:
        return "not begun; it goes on while you do something else"
    done = f"{scan.done} of {scan.total} points measured"
    if scan.finished:
        return f"{done}, each on {fmt.plural(scan.samples, 'held-out input')}"
    if scan.stopping:
        return f"{done}, stopping …"
    if scan.busy:
        return f"{done}, {_what_now(scan)}"
    return f"{done}, {scan.state}"


def _what_now(scan: Scanning) -> str:
    if scan.state == "queued":
        return f"{scan.status.sentence} …"
    if scan.status.seconds_left is None:
        return f"{scan.status.sentence or 'loading'} …"
    return f"about {fmt.seconds(scan.status.seconds_left)} left"


def begin_label(scan: Scanning) -> str:
    """Return what the switch of a scan that stands still does."""
    if scan.state is None:
        return f"Begin (about {fmt.seconds(scan.expected_seconds)})"
    return "Try again" if scan.state == "failed" else "Resume"


def shown_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a scan's points in percent, under names for people."""
    names = {"layer": "Layer", "samples": "Inputs", "loss": "Loss (nats)", "kl": "KL (nats)"}
    shown = table.rename(columns=names)
    for column, name in PERCENT.items():
        shown[name] = 100 * shown.pop(column)
    return shown
