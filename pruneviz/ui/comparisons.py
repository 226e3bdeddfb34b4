"""Methods under comparison as the page sees them: a job for each, its marks, and the switch."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import pandas as pd
from torch import Tensor

from pruneviz import jobs
from pruneviz.analyses.comparison import LEVELS, Mark, read_marks
from pruneviz.catalogue import demonstrations
from pruneviz.criteria import CRITERIA
from pruneviz.figures.kit import format as fmt
from pruneviz.history.folder import POINTS_FILE, RunFolder, State
from pruneviz.jobs.job import Job
from pruneviz.metrics import Metric
from pruneviz.plan import Plan
from pruneviz.registry import COSTS
from pruneviz.ui.jobs import ask
from pruneviz.ui.words import standing

KIND = "contest"
TICK_SECONDS = 0.5
USUAL = ("magnitude_l1", "random")  # what the page begins with, beside the plan's own


MethodJob = Job[pd.DataFrame]  # one method of a comparison, with its marks so far


def first_chosen(plan: Plan) -> list[str]:
    """Return the criteria that a comparison begins with: the plan's own and the usual ones."""
    return list(dict.fromkeys((plan.criterion, *USUAL)))


def offered(plan: Plan) -> list[str]:
    """Return the criteria that rank the plan's units, and the plan's own."""
    return [e.name for e in CRITERIA if e.fits(plan.granularity) or e.name == plan.criterion]


def title(method: MethodJob) -> str:
    """Return the title of a part's criterion."""
    return CRITERIA.get(method.plan.criterion).title


def is_open(method: MethodJob) -> bool:
    """Return whether something is left to be measured and nobody is at it."""
    return not method.busy and not method.finished


def jobs_of(plan: Plan, criteria: Sequence[str]) -> list[MethodJob]:
    """Return each criterion's part of the comparison under a plan's other choices."""
    return [ask.job_of(_ranked_by(plan, criterion), KIND, {}, _marks) for criterion in criteria]


def _ranked_by(plan: Plan, criterion: str) -> Plan:
    settings = plan.criterion_parameters if criterion == plan.criterion else {}
    return plan.changed(criterion=criterion, criterion_parameters=dict(settings))


def _marks(folder: RunFolder, state: State | None) -> pd.DataFrame:
    return read_marks(folder.file(POINTS_FILE))


def begin(methods: Sequence[MethodJob]) -> None:
    """Begin what is open, one job each, one after another; ValueError when it may not run."""
    for method in methods:
        if is_open(method):
            ask.begin(method)


def stop(methods: Sequence[MethodJob]) -> None:
    """Ask all that is under way to stop; what is measured stays."""
    for method in methods:
        if method.busy:
            jobs.cancel(method.folder)


def fraction(methods: Sequence[MethodJob]) -> float:
    """Return how much of a comparison is measured, 0 to 1."""
    done = sum(len(method.result) for method in methods)
    return min(1.0, done / max(1, len(LEVELS) * len(methods)))


def line(methods: Sequence[MethodJob]) -> str:
    """Return how far a comparison is, and what is worked on now."""
    done, total = sum(len(e.result) for e in methods), len(LEVELS) * len(methods)
    return f"{done} of {total} points measured{_now(methods)}"


def _now(methods: Sequence[MethodJob]) -> str:
    """Return what is worked on and how; of what is not under way, what ended it."""
    under_way = sorted((e for e in methods if e.busy), key=lambda e: e.state != "running")
    if under_way:
        first = under_way[0]
        return f", {title(first)}: {standing.line(first)}"
    if all(method.state is None for method in methods):
        return f", {standing.NOT_STARTED}" if methods else ""
    ended = {str(e.state) for e in methods} & {"stopped", "interrupted", "failed"}
    return "".join(f", {state}" for state in sorted(ended))


def failures(methods: Sequence[MethodJob]) -> list[str]:
    """Return for each criterion that cannot be measured why, as a sentence."""
    return [
        f"{title(method)}: {standing.whole_line(method)}"
        for method in methods
        if method.state == "failed"
    ]


def values(methods: Sequence[MethodJob], metric: Metric) -> pd.DataFrame:
    """Return one row a method and one column an amount, the metric with its 95 % intervals."""
    rows = []
    for method in methods:
        marks = [Mark(*row) for row in method.result.itertuples(index=False, name=None)]
        cells = {f"{fmt.share(mark.sparsity)} removed": _cell(mark, metric) for mark in marks}
        rows.append({"Method": title(method), **cells})
    return pd.DataFrame(rows).fillna("")


def _cell(mark: Mark, metric: Metric) -> str:
    if mark.note:
        return "–"
    low, high = (metric.written_alone(end).replace("-", fmt.MINUS) for end in (mark.low, mark.high))
    return f"{fmt.metric_value(metric, mark.value)} ({low} to {high})"


def points(methods: Sequence[MethodJob]) -> pd.DataFrame:
    """Return all that is measured, a point a row, with the method's name."""
    tables = [e.result.assign(criterion=e.plan.criterion) for e in methods if len(e.result)]
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
