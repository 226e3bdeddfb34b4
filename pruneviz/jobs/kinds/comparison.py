"""A method's metric at every amount: points.csv grows level by level."""

from __future__ import annotations

from collections.abc import Iterator

from pruneviz.analyses.comparison import MethodComparison, comparison_plan, read_marks
from pruneviz.history.folder import POINTS_FILE, RunFolder, Spec
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import Progress, job
from pruneviz.jobs.scans import Table


def has_result(folder: RunFolder) -> bool:
    """Return whether a finished contest's marks are there and can be read."""
    try:
        return len(read_marks(folder.file(POINTS_FILE))) > 0
    except ValueError:
        return False


@job(
    "contest", "Method at every amount", page="methods",
    has_result=has_result, essential=comparison_plan,
)  # fmt: skip
def contest(spec: Spec, context: Context) -> Iterator[Progress]:
    """Prune to each amount and evaluate; a checkpoint holds the marks so far."""
    found = MethodComparison(context.prepare(spec.plan), spec.plan)
    points = Table(context.folder, POINTS_FILE)
    yield from context.steps(found, spec, lambda: points.write(found.table(), last=found.finished))
