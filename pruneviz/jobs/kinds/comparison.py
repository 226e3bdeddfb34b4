"""A method's accuracy at every amount: points.csv grows level by level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pruneviz.analyses.comparison import Contest, Mark, contest_plan, read_marks
from pruneviz.history.folder import POINTS_FILE, RunFolder, Spec, write_bytes
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import Progress, job


def has_result(folder: RunFolder) -> bool:
    """Return whether a finished contest's marks are there and can be read."""
    try:
        return len(read_marks(folder.file(POINTS_FILE))) > 0
    except ValueError:
        return False


@job("contest", "Method at every amount", essential=contest_plan, has_result=has_result)
def contest(spec: Spec, context: Context) -> Iterator[Progress]:
    """Prune to each amount and evaluate; a checkpoint holds the marks so far."""
    found = Contest(context.prepare(spec.plan), spec.plan)

    def accept(state: dict[str, Any]) -> None:
        found.restore([Mark(*row) for row in state["marks"]])

    context.restore(accept)
    while not found.finished:
        mark = found.step()
        content = found.table().to_csv(index=False).encode()
        write_bytes(context.folder.file(POINTS_FILE), content, durable=found.finished)
        context.offer(found.done, lambda: {"marks": [list(vars(m).values()) for m in found.marks]})
        yield Progress(found.done, found.total, f"{mark.sparsity:.0%} removed")
