"""A sensitivity scan: points.csv grows point by point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pruneviz import run
from pruneviz.history.folder import POINTS_FILE, RunFolder, Spec, scan_plan, write_bytes
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import Progress, job
from pruneviz.sensitivity import Point, Scan, read_points
from pruneviz.subjects import load_subject


def has_result(folder: RunFolder) -> bool:
    """Return whether a finished scan's points are there and can be read."""
    try:
        return len(read_points(folder.file(POINTS_FILE))) > 0
    except ValueError:
        return False


@job("sensitivity", "Sensitivity scan", essential=scan_plan, has_result=has_result)
def sensitivity(spec: Spec, context: Context) -> Iterator[Progress]:
    """Measure every layer at every level; a checkpoint holds the points so far."""
    scan = run.scan(run.prepare(load_subject(spec.plan), spec.plan))

    def accept(state: dict[str, Any]) -> None:
        scan.restore([Point(*row) for row in state["points"]])

    context.restore(accept)
    while not scan.finished:
        point = scan.step()
        _write(scan, context)
        context.offer(scan.done, lambda: {"points": [list(vars(p).values()) for p in scan.rows]})
        yield Progress(scan.done, scan.total, f"layer {point.layer}")


def _write(scan: Scan, context: Context) -> None:
    content = scan.table().to_csv(index=False).encode()
    write_bytes(context.folder.file(POINTS_FILE), content, durable=scan.finished)
