"""Take a run that was written elsewhere into the history."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from pruneviz.history.folder import (
    CANCEL_FILE,
    CHECKPOINTS,
    CURVE_FILE,
    LOCK_FILE,
    SPEC_FILE,
    STATUS_FILE,
    RunFolder,
    Spec,
    Status,
    is_digest,
    now,
    runs_directory,
    write_json,
)
from pruneviz.report import Report
from pruneviz.store import FILES, read_plan, read_report
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping

RESULT = (*FILES, CURVE_FILE)  # the report first: it goes first and comes last


def adopt(home: Path, directory: Path) -> RunFolder:
    """Copy the run in a folder, such as `pruneviz run --out` writes, into the history.

    One that is finished there already is left as it is; one that was stopped gets this result.
    ValueError where the folder holds no whole run, a process computes it, or nothing can be
    written.
    """
    report = _read_own_report(directory)
    folder = RunFolder(runs_directory(home) / report.digest)
    if _is_finished(folder):
        return folder
    try:
        folder.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.path.parent, prefix=".adopting-") as name:
            beside = Path(name) / report.digest
            _copy(directory, beside, report)
            try:
                beside.rename(folder.path)
            except OSError:
                if not folder.path.is_dir():
                    raise
                _complete(folder, beside)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RefusedError(keeping.not_kept(str(folder.path), reason)) from error
    return folder


def _read_own_report(directory: Path) -> Report:
    """Return a run's report; ValueError unless it is that of the run's plan."""
    report = read_report(directory)
    if not is_digest(report.digest) or report.digest != report.plan.digest():
        raise RefusedError(keeping.report_of_another_plan(str(directory)))
    if read_plan(directory) != report.plan:
        raise RefusedError(keeping.of_two_runs(str(directory)))
    return report


def _is_finished(folder: RunFolder) -> bool:
    """Return whether a run has its result."""
    status = folder.status()
    try:
        return (
            status is not None
            and status.state == "finished"
            and read_report(folder.path).digest == folder.digest
        )
    except ValueError:
        return False


def _copy(directory: Path, beside: Path, report: Report) -> None:
    """Make the folder of a finished run."""
    beside.mkdir()
    for file in FILES:
        if (directory / file).exists():
            shutil.copyfile(directory / file, beside / file)
    if report.recovery is not None:
        rows = [row.as_json() for row in report.recovery.curve]
        write_json(beside / CURVE_FILE, rows)
    status = Status(state="finished", fraction=1.0, sentence="finished", finished=now())
    spec = Spec(kind="run", plan=report.plan)
    write_json(beside / SPEC_FILE, spec.model_dump(mode="json"))
    write_json(beside / STATUS_FILE, status.model_dump(mode="json"))


def _complete(folder: RunFolder, beside: Path) -> None:
    """Move a result into the folder of a run that has none, unless a process works on it."""
    try:
        with FileLock(folder.file(LOCK_FILE), timeout=0.2, poll_interval=0.01):
            if _is_finished(folder):
                return
            for file in RESULT:
                folder.file(file).unlink(missing_ok=True)
            spec = () if folder.spec() else (SPEC_FILE,)
            for file in (*spec, *reversed(RESULT), STATUS_FILE):
                if (beside / file).exists():
                    (beside / file).replace(folder.file(file))
            folder.file(CANCEL_FILE).unlink(missing_ok=True)
            shutil.rmtree(folder.file(CHECKPOINTS), ignore_errors=True)
    except Timeout as error:
        raise RefusedError(keeping.under_way(folder.digest[:12])) from error
