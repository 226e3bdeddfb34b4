"""A result that other work came by, kept as that of the job that would compute it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from pruneviz.history.folder import (
    CHECKPOINTS,
    LOCK_FILE,
    RunFolder,
    Spec,
    now,
    run_digest,
    runs_directory,
)
from pruneviz.jobs.control import create
from pruneviz.jobs.kind import kind as find_kind
from pruneviz.jobs.reporter import Reporter, into_history, note_environment
from pruneviz.plan import Plan
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working


def deposit(home: Path, kind: str, plan: Plan, write: Callable[[RunFolder], None]) -> None:
    """Keep what `write` puts into a job's folder as its finished result.

    `plan` is bound, and nothing is asked beyond it. Nothing happens where the result is there, or
    where a process works on it. ValueError where nothing can be written.
    """
    found = find_kind(kind)
    asked = found.essential(plan)
    folder = RunFolder(runs_directory(home) / run_digest(kind, asked))
    create(folder, Spec(kind=kind, plan=asked, options={"folder": str(Path.cwd())}))
    lock = FileLock(folder.file(LOCK_FILE), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return
    try:
        if folder.state() == "finished" and found.has_result(folder):
            return
        reporter = Reporter(folder)
        reporter.write(started=now())
        note_environment(folder)
        write(folder)
        reporter.end("finished")
        for file in folder.file(CHECKPOINTS).glob("*"):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise RefusedError(
            working.result_not_kept(str(folder.path), error.strerror or str(error))
        ) from error
    finally:
        lock.release()
    into_history(folder)
