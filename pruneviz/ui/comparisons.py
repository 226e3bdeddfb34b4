"""Methods under comparison as the page sees them: a job for each, its marks, and the switch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from pruneviz import jobs, run
from pruneviz.analyses.comparison import LEVELS, Mark, contest_plan, read_marks
from pruneviz.catalogue import demonstrations
from pruneviz.criteria import CRITERIA
from pruneviz.figures.kit import format as fmt
from pruneviz.history.folder import (
    POINTS_FILE,
    UNDER_WAY,
    RunFolder,
    State,
    Status,
    run_digest,
    runs_directory,
)
from pruneviz.home import default_home
from pruneviz.plan import Plan
from pruneviz.registry import COSTS
from pruneviz.ui.engine import cache, gate
from pruneviz.ui.words import standing

KIND = "contest"
TICK_SECONDS = 0.5
USUAL = ("magnitude_l1", "random")  # what the page begins with, beside the plan's own


@dataclass(frozen=True)
class Entrant:
    """One criterion's part of a comparison. `state` is None while nobody has begun it."""

    criterion: str
    plan: Plan
    folder: RunFolder
    state: State | None
    status: Status
    table: pd.DataFrame

    @property
    def title(self) -> str:
        """Return the criterion's title."""
        return CRITERIA.get(self.criterion).title

    @property
    def busy(self) -> bool:
        """Return whether a process works on it, or is about to."""
        return self.state in UNDER_WAY

    @property
    def open(self) -> bool:
        """Return whether something is left to be measured and nobody is at it."""
        return not self.busy and self.state != "finished"


def first_chosen(plan: Plan) -> list[str]:
    """Return the criteria that a comparison begins with: the plan's own and the usual ones."""
    return list(dict.fromkeys((plan.criterion, *USUAL)))


def look(plan: Plan, criteria: Sequence[str]) -> list[Entrant]:
    """Return each criterion's part of the comparison under a plan's other choices."""
    subject = cache.subject(plan)
    found = []
    for criterion in criteria:
        settings = plan.criterion_parameters if criterion == plan.criterion else {}
        asked = plan.changed(criterion=criterion, criterion_parameters=dict(settings))
        bound = contest_plan(run.bind(asked, subject))
        folder = RunFolder(runs_directory(default_home()) / run_digest(KIND, bound))
        jobs.enforce(folder)
        begun = folder.path.is_dir()
        found.append(
            Entrant(
                criterion,
                bound,
                folder,
                folder.state() if begun else None,
                folder.status() or Status(),
                read_marks(folder.file(POINTS_FILE)),
            )
        )
    return found


def begin(entrants: Sequence[Entrant]) -> None:
    """Begin what is open, one job each, one after another; ValueError when it may not run."""
    for entrant in entrants:
        if entrant.open:
            gate.submit(KIND, entrant.plan)


def stop(entrants: Sequence[Entrant]) -> None:
    """Ask all that is under way to stop; what is measured stays."""
    for entrant in entrants:
        if entrant.busy:
            jobs.cancel(entrant.folder)


def fraction(entrants: Sequence[Entrant]) -> float:
    """Return how much of a comparison is measured, 0 to 1."""
    done = sum(len(entrant.table) for entrant in entrants)
    return min(1.0, done / max(1, len(LEVELS) * len(entrants)))


def line(entrants: Sequence[Entrant]) -> str:
    """Return how far a comparison is, and what is worked on now."""
    done, total = sum(len(e.table) for e in entrants), len(LEVELS) * len(entrants)
    return f"{done} of {total} points measured{_now(entrants)}"


def _now(entrants: Sequence[Entrant]) -> str:
    """Return what is worked on and how; of what is not under way, what ended it."""
    under_way = sorted((e for e in entrants if e.busy), key=lambda e: e.state != "running")
    if under_way:
        first = under_way[0]
        now = standing.line(first.state, first.status, stopping=first.folder.stopping(first.state))
        return f", {first.title}: {now}"
    if all(entrant.state is None for entrant in entrants):
        return f", {standing.NOT_STARTED}" if entrants else ""
    ended = {str(e.state) for e in entrants} & {"stopped", "interrupted", "failed"}
    return "".join(f", {state}" for state in sorted(ended))


def failures(entrants: Sequence[Entrant]) -> list[str]:
    """Return for each criterion that cannot be measured why, as a sentence."""
    return [
        f"{entrant.title}: {entrant.status.error or 'it failed, and its log says where'}"
        for entrant in entrants
        if entrant.state == "failed"
    ]


def accuracies(entrants: Sequence[Entrant]) -> pd.DataFrame:
    """Return one row a method and one column an amount, accuracies with their 95 % intervals."""
    rows = []
    for entrant in entrants:
        marks = [Mark(*row) for row in entrant.table.itertuples(index=False, name=None)]
        cells = {f"{fmt.share(mark.sparsity)} removed": _cell(mark) for mark in marks}
        rows.append({"Method": entrant.title, **cells})
    return pd.DataFrame(rows).fillna("")


def _cell(mark: Mark) -> str:
    if mark.note:
        return "–"
    return f"{fmt.percent(mark.accuracy)} ({100 * mark.low:.1f} to {100 * mark.high:.1f})"


def points(entrants: Sequence[Entrant]) -> pd.DataFrame:
    """Return all that is measured, a point a row, with the method's name."""
    tables = [e.table.assign(criterion=e.criterion) for e in entrants if len(e.table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def about_criteria() -> pd.DataFrame:
    """Return every criterion with its family, sentence, formula, source and cost."""
    return pd.DataFrame(
        [
            {
                "Method": entry.title,
                "Family": entry.family,
                "In a sentence": entry.sentence,
                "Formula": entry.formula,
                "What it takes": COSTS.get(entry.cost, ""),
                "Source": entry.source,
            }
            for entry in CRITERIA
        ]
    )


@functools.cache
def what_goes() -> list[tuple[str, Tensor]]:
    """Return each granularity's title and what stays of a small layer, bool (outputs, weights)."""
    return [(each.title, each.stays) for each in demonstrations()]
