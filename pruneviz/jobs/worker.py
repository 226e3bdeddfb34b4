"""The process of one job: `python -m pruneviz.jobs.worker FOLDER`, or `--spare HOME`."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import time
import traceback
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from pruneviz.history.folder import (
    CHECKPOINTS,
    LOCK_FILE,
    SPEC_FILE,
    STATUS_FILE,
    UNDER_WAY,
    RunFolder,
    Spec,
)
from pruneviz.jobs import spare
from pruneviz.jobs.control import default_threads
from pruneviz.jobs.kind import kind
from pruneviz.jobs.reporter import CancelledError, Reporter, into_history, note_environment
from pruneviz.jobs.slots import wait_for_slot
from pruneviz.jobs.watchdog import Watchdog
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import working

LOCK_SECONDS = 1.0  # longer than anyone looks at the lock
NICENESS_VARIABLE = "PRUNEVIZ_JOB_NICENESS"
NICENESS = 10  # more than that of whoever began the job
MOST_NICE = 19
AUTOGROUP = Path("/proc/self/autogroup")  # Linux alone has it
log = logging.getLogger(__name__)


def work(folder: RunFolder, since: float | None = None, *, warm: bool = False) -> int:
    """Compute a run until it is finished, stopped or failed; return the exit code.

    `since` is when this process came up or, where it is `warm`, was handed the run.
    """
    if not folder.path.is_dir():
        log.info("the run was deleted while this process started")
        return 0
    lock = FileLock(folder.file(LOCK_FILE), timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        log.info("another process works on this run")
        return 0
    if not folder.file(SPEC_FILE).exists() and not folder.file(STATUS_FILE).exists():
        log.info("the run was deleted a moment ago")
        shutil.rmtree(folder.path, ignore_errors=True)  # all that is there is the lock
        return 0
    reporter = Reporter(folder, since, warm=warm)
    if reporter.status.state not in UNDER_WAY:
        log.info("the run was %s while this process started", reporter.status.state)
        return 0
    spec = folder.spec()
    if spec is None:
        reporter.end("failed", error="job.json is missing or damaged; begin the run again")
        return 1
    try:
        _step_back(niceness(), warm=warm)
        _attempt(folder, spec, reporter)
    except CancelledError:
        reporter.end("stopped")
    # Whatever goes wrong in hours of work, the status says what and the log where.
    except Exception as error:
        reporter.end("failed", error=_trouble(error))
        with contextlib.suppress(OSError):  # the log may lie on a full disk
            traceback.print_exc()
        return 1
    finally:
        lock.release()  # whoever resumes it now need not wait for the history
        into_history(folder)
    return 0


def _attempt(folder: RunFolder, spec: Spec, reporter: Reporter) -> None:
    """Wait for a slot, then work step by step under the watchdog."""
    reporter.write(state="queued", sentence="waiting for its turn")
    slot = wait_for_slot(folder, reporter.wait)
    try:
        reporter.begin()
        from pruneviz.jobs.context import Context  # brings torch, which a waiting job does without

        into_history(folder)
        watchdog = Watchdog(folder, spec.options, reporter.end)
        with watchdog:
            context = Context(folder, reporter.loading)
            _sweep(folder)
            _compute_as_asked(spec)
            note_environment(folder)
            try:
                for step in kind(spec.kind).work(spec, context):
                    reporter.progress(step)
            except CancelledError:
                context.flush()
                raise
        reporter.end("finished")
        for file in folder.file(CHECKPOINTS).glob("*"):
            file.unlink(missing_ok=True)
    finally:
        slot.release()


def niceness() -> int:
    """Return how far a job steps back: PRUNEVIZ_JOB_NICENESS, 0 to 19, or 10."""
    text = os.environ.get(NICENESS_VARIABLE, str(NICENESS))
    if not text.isdecimal() or int(text) > MOST_NICE:
        raise RefusedError(working.no_niceness(NICENESS_VARIABLE, MOST_NICE, text[:20]))
    return int(text)


def _step_back(niceness: int, *, warm: bool) -> None:
    """Let everybody else go first, above all the app and the browser that shows it.

    A `warm` process was started by a nice one and is as nice already.
    """
    if not warm:
        process = psutil.Process()
        with contextlib.suppress(psutil.Error, OSError):
            process.nice(min(process.nice() + niceness, MOST_NICE))
    with contextlib.suppress(OSError):
        # Linux shares the processor out by session first, so a nice process alone in its session
        # takes as much as any other: the session has to be nice too.
        AUTOGROUP.write_text(str(niceness))


def _sweep(folder: RunFolder) -> None:
    """Remove what a killed attempt left half written."""
    for path in folder.path.glob(".*-*"):
        if path.is_dir():
            for part in path.iterdir():
                part.unlink()
            path.rmdir()
        else:
            path.unlink()


def _compute_as_asked(spec: Spec) -> None:
    """Set torch's threads, and on an accelerator the operators that repeat themselves."""
    import torch

    torch.set_num_threads(int(spec.options.get("threads", default_threads())))
    if spec.options.get("device", "cpu") != "cpu":  # or a resumed training would end otherwise
        torch.use_deterministic_algorithms(True, warn_only=True)


def _trouble(error: Exception) -> str | Fact:
    """Return an error as its fact or in one line; those that no user can mend point to the log."""
    if isinstance(error, RefusedError):
        return error.fact
    line = (str(error).splitlines() or [""])[0]
    if isinstance(error, ValueError):
        return line
    return f"{type(error).__name__}: {line}; the log says where"


def main() -> None:
    """Work on the run whose folder is named, or wait for one; leave a spare for the next."""
    environment = dict(os.environ)  # before anything that is imported adds to it
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if sys.argv[1] == spare.FLAG:
        _step_back(niceness(), warm=True)
        given = spare.wait(Path(sys.argv[2]), environment)
        if given is None:
            return
        code = work(given, time.time(), warm=True)
    else:
        given = RunFolder(Path(sys.argv[1]))
        code = work(given, psutil.Process().create_time())
    spare.keep(given.path.parent.parent, environment)
    sys.exit(code)


if __name__ == "__main__":
    main()
