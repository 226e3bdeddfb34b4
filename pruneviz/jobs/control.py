"""Begin a job, follow it, cancel it, go on with it: from the app and the command line alike.

A job is a run's folder and the process that holds its lock. Whoever begins the same job twice gets
the same folder; a second process finds the lock taken and leaves.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from pruneviz.history.folder import (
    CANCEL_FILE,
    CHECKPOINTS,
    LOCK_FILE,
    LOG_FILE,
    SPEC_FILE,
    STATUS_FILE,
    UNDER_WAY,
    RunFolder,
    Spec,
    Status,
    is_digest,
    now,
    run_digest,
    runs_directory,
    write_json,
)
from pruneviz.jobs import spare
from pruneviz.jobs.kind import kind as find_kind
from pruneviz.plan import Plan, Setting
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

ACTIVE = ".active"
KILL_SECONDS = 5.0
LEAVE_SECONDS = 2.0  # what a process needs at most between its last status and its end
LOOK_SECONDS = 0.2
Options = dict[str, bool | int | float | str]


def submit(
    home: Path, kind: str, plan: Plan, *, parent: str | None = None,
    options: Options | None = None, begin_from: RunFolder | None = None,
    settings: Mapping[str, Setting] | None = None,
) -> RunFolder:  # fmt: skip
    """Begin a job, or join the one that computes the same; a finished one is returned as it is.

    `plan` is bound (`run.bind`), `settings` are what the kind asks beyond it. `begin_from` is a job
    whose checkpoints are taken over: those that the new one can go on from save it the work.
    ValueError where the kind is unknown, a setting cannot be, or nothing can be written.
    """
    found = find_kind(kind)
    plan, asked = found.essential(plan), found.settings(settings or {})
    chosen: Options = {"folder": str(Path.cwd()), "threads": default_threads(), **(options or {})}
    spec = Spec(kind=kind, plan=plan, settings=asked, parent=parent, options=chosen)
    folder = RunFolder(runs_directory(home) / run_digest(kind, plan, asked))
    create(folder, spec)
    if folder.state() != "finished" or not found.has_result(folder):
        if begin_from is not None and not folder.alive():
            _take_checkpoints(begin_from, folder)
        _start(folder, options)
    return folder


def default_threads() -> int:
    """Return how many threads a job computes with: half the cores, so that the app stays quick."""
    return max(1, (os.cpu_count() or 1) // 2)


def resume(folder: RunFolder, options: Options | None = None) -> None:
    """Start a process for a job that has none; it goes on from the last checkpoint.

    `options` take the place of those it was begun with, such as a higher limit.
    """
    if folder.state() != "finished":  # it may have ended since whoever asks looked at it
        _start(folder, options)


def _start(folder: RunFolder, options: Options | None) -> None:
    if _has_process(folder):
        return
    spec = folder.spec()
    if spec is not None and options:
        changed = spec.model_copy(update={"options": {**spec.options, **options}})
        write_json(folder.file(SPEC_FILE), changed.model_dump(mode="json"))
    before = folder.status() or Status()
    try:
        folder.file(CANCEL_FILE).unlink(missing_ok=True)
        _mark_active(folder)
        waiting = before.model_copy(
            update={"state": "queued", "sentence": "starting", "error": "", "refusal": None,
                    "updated": now(), "seconds_left": None, "finished": None, "loaded": 0.0}
        )  # fmt: skip
        folder.write_status(waiting)
        _spawn(folder)
    except OSError as error:
        raise RefusedError(
            working.not_started(str(folder.path), error.strerror or str(error))
        ) from error


def _has_process(folder: RunFolder) -> bool:
    """Return whether a process works on a job; one that has said its last word is waited for."""
    end = time.monotonic() + LEAVE_SECONDS
    while folder.alive():
        if not _ended(folder) or time.monotonic() > end:
            return True
        time.sleep(0.01)
    return False


def _take_checkpoints(source: RunFolder, folder: RunFolder) -> None:
    """Copy the checkpoints of another job; one that is cut short is known by its hash."""
    try:
        folder.file(CHECKPOINTS).mkdir(exist_ok=True)
        for file in source.file(CHECKPOINTS).glob("*"):
            shutil.copyfile(file, folder.file(CHECKPOINTS) / file.name)
    except OSError as error:
        raise RefusedError(
            working.checkpoints_not_copied(str(source.path), error.strerror or str(error))
        ) from error


def create(folder: RunFolder, spec: Spec) -> None:
    """Make the run's folder with what was asked in it, whole or not at all.

    ValueError where nothing can be written.
    """
    if folder.spec() is not None:
        return
    if folder.path.is_dir() and not folder.alive():  # what was asked is lost or damaged
        write_json(folder.file(SPEC_FILE), spec.model_dump(mode="json"))
        return
    try:
        folder.path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.path.parent, prefix=".new-"))
        try:
            write_json(beside / SPEC_FILE, spec.model_dump(mode="json"))
            write_json(beside / STATUS_FILE, Status().model_dump(mode="json"))
            with contextlib.suppress(FileExistsError):
                beside.rename(folder.path)
        except OSError:
            if folder.spec() is None:  # not merely someone who asked for the same a moment before
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise RefusedError(
            working.no_place(str(folder.path.parent), error.strerror or str(error))
        ) from error


def _spawn(folder: RunFolder) -> None:
    """Give the job to a spare process, or start one in a session of its own, which outlives us."""
    spec = folder.spec()
    options = spec.options if spec else {}
    started_in = Path(str(options.get("folder", ".")))
    threads = str(options.get("threads", default_threads()))
    env = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": threads}
    if not started_in.is_dir():
        started_in = Path.cwd()
    if spare.hand_over(folder, started_in, env):
        return
    with folder.file(LOG_FILE).open("a", encoding="utf-8") as log:
        subprocess.Popen(
            # -P: a folder called pruneviz in the working folder is not what is meant.
            [sys.executable, "-P", "-m", spare.WORKER, str(folder.path.resolve())],
            cwd=started_in,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def cancel(folder: RunFolder) -> None:
    """Ask a job to stop at its next step; it can be resumed. `enforce` ends one that does not."""
    try:
        folder.file(CANCEL_FILE).touch()
    except OSError as error:
        raise RefusedError(working.not_asked_to_stop(error.strerror or str(error))) from error
    if not folder.alive():
        _write_ended(folder)


def enforce(folder: RunFolder) -> None:
    """Kill a job that was asked to stop five seconds ago and still runs."""
    asked = folder.file(CANCEL_FILE)
    try:
        waited = time.time() - asked.stat().st_mtime
    except OSError:  # nobody asked, or it has stopped since
        return
    status = folder.status()
    if waited < KILL_SECONDS or status is None or status.pid is None or not folder.alive():
        return
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        if any(spare.WORKER in part for part in psutil.Process(status.pid).cmdline()):
            os.killpg(status.pid, signal.SIGKILL)
            psutil.Process(status.pid).wait(KILL_SECONDS)
    _write_ended(folder)


def _write_ended(folder: RunFolder) -> None:
    """Mark a job without a process as stopped, unless it ended by itself."""
    if not folder.path.is_dir():  # deleted since; its lock would make it anew
        return
    with contextlib.suppress(Timeout), FileLock(folder.file(LOCK_FILE), timeout=0.5):
        status = folder.status() or Status()
        if status.state in UNDER_WAY:
            ended = {"state": "stopped", "sentence": "stopped", "updated": now(),
                     "seconds_left": None}  # fmt: skip
            folder.write_status(status.model_copy(update=ended))
        folder.file(CANCEL_FILE).unlink(missing_ok=True)
        unmark(folder)


def active(home: Path) -> list[RunFolder]:
    """Return the jobs that are queued, running or interrupted, the oldest first."""
    try:
        names = [path.name for path in (runs_directory(home) / ACTIVE).iterdir()]
    except OSError:
        return []
    folders = [RunFolder(runs_directory(home) / name) for name in names if is_digest(name)]
    found = [(folder, folder.spec()) for folder in folders]
    for folder, spec in found:
        if spec is None:  # deleted by hand
            unmark(folder)
    known = [(spec.created, folder) for folder, spec in found if spec and not _ended(folder)]
    return [folder for _, folder in sorted(known, key=lambda pair: (pair[0], pair[1].digest))]


def _ended(folder: RunFolder) -> bool:
    """Return whether a job has said its last word; it is taken off the list a moment later."""
    status = folder.status()
    return status is not None and status.state not in UNDER_WAY


def dismiss(folder: RunFolder) -> None:
    """Take an interrupted job off the list of active ones; it can still be resumed from Runs."""
    if not folder.alive():
        unmark(folder)


def follow(folder: RunFolder) -> Iterator[Status]:
    """Yield the status of a job until it has ended, each time it was looked at."""
    while True:
        status = folder.status() or Status()
        state = folder.state()
        yield status
        if state not in UNDER_WAY:
            return
        enforce(folder)
        time.sleep(LOOK_SECONDS)


def _mark_active(folder: RunFolder) -> None:
    directory = folder.path.parent / ACTIVE
    directory.mkdir(exist_ok=True)
    (directory / folder.digest).touch()


def unmark(folder: RunFolder) -> None:
    """Take a job off the list of active ones."""
    with contextlib.suppress(OSError):
        (folder.path.parent / ACTIVE / folder.digest).unlink(missing_ok=True)
