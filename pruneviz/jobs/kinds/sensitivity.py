"""A sensitivity scan: points.csv grows point by point, beside it the accuracy of each class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pruneviz.analyses import scans
from pruneviz.history.folder import (
    BASELINE_CLASSES_FILE,
    BASELINE_FILE,
    CLASSES_FILE,
    POINTS_FILE,
    RunFolder,
    Spec,
    scan_plan,
)
from pruneviz.jobs.context import Context
from pruneviz.jobs.deposit import deposit
from pruneviz.jobs.kind import Progress, job
from pruneviz.jobs.scans import (
    LEVELS_SETTING,
    RECALIBRATE,
    Notes,
    Table,
    budget_bytes,
    check_known,
    is_whole,
    levels_of,
    levels_setting,
    recalibrate_query,
    recalibrate_setting,
    recalibrates,
)
from pruneviz.plan import Plan, Setting
from pruneviz.sensitivity import Scan, read_classes, read_points

KIND = "sensitivity"
FILES = {
    POINTS_FILE: read_points,
    BASELINE_FILE: read_points,
    CLASSES_FILE: read_classes,
    BASELINE_CLASSES_FILE: read_classes,
}


def has_result(folder: RunFolder) -> bool:
    """Return whether a finished scan's points are there, all levels of each layer, to be read."""
    spec = folder.spec()
    return is_whole(folder, FILES, len(levels_of(spec)) if spec else 1)


def settings(given: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return what is asked beyond the plan: other levels, BatchNorm statistics taken anew.

    What is as usual is left out. ValueError for an unknown name or a value that cannot be.
    """
    check_known(given, LEVELS_SETTING, RECALIBRATE)
    return {**levels_setting(given), **recalibrate_setting(given)}


@job(
    KIND, "Sensitivity scan", page="sensitivity", question="Every layer at every level",
    has_result=has_result, essential=scan_plan, settings=settings, query=recalibrate_query,
)  # fmt: skip
def sensitivity(spec: Spec, context: Context) -> Iterator[Progress]:
    """Measure every layer at every level; a checkpoint holds the points so far."""
    scan = scans.scan(
        context.prepare(spec.plan),
        levels_of(spec),
        recalibrate=recalibrates(spec),
        seed=spec.plan.seed,
        budget_bytes=budget_bytes(spec),
    )
    yield from context.steps(scan, spec, _writer(scan, context.folder))


def keep(home: Path, plan: Plan, scan: Scan) -> None:
    """Keep a finished scan that other work measured; ValueError where it cannot be written.

    `plan` is bound, and the scan is the usual one of it.
    """
    deposit(home, KIND, plan, lambda folder: _writer(scan, folder)())


def _writer(scan: Scan, folder: RunFolder) -> Callable[[], None]:
    """Return what writes a scan's files as they are by now."""
    points, classes = (Table(folder, name) for name in (POINTS_FILE, CLASSES_FILE))
    baseline, notes = Table(folder, BASELINE_FILE), Notes(folder)

    def write() -> None:
        if not baseline.written:
            if scan.by_class:
                by_class = Table(folder, BASELINE_CLASSES_FILE)
                by_class.write(scan.original_classes(), last=True)
            baseline.write(scan.original_table(), last=True)
        points.write(scan.table(), last=scan.finished)
        if scan.by_class:
            classes.offer(scan.classes, last=scan.finished)
        notes.write(scan.notes)

    return write
