"""The process of one job: `python -m pruneviz.jobs.worker FOLDER`."""

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
    CANCEL_FILE,
    CHECKPOINTS,
    LOCK_FILE,
    SPEC_FILE,
    STATUS_FILE,
    UNDER_WAY,
    RunFolder,
    Spec,
    Status,
    now,
)
from pruneviz.jobs.control import default_threads, unmark
from pruneviz.jobs.kind import Progress, kind
from pruneviz.jobs.slots import wait_for_slot
from pruneviz.jobs.watchdog import Watchdog

LOCK_SECONDS = 1.0  # longer than anyone looks at the lock
STATUS_SECONDS = 0.25
PACE_SECONDS = 20.0  # long enough for the judging after an epoch to count in
NICENESS = 10  # more than that of whoever began the job
MOST_NICE = 19
AUTOGROUP = Path("/proc/self/autogroup")  # Linux alone has it
log = logging.getLogger(__name__)


class CancelledError(Exception):
    """The job was asked to stop."""


class Reporter:
    """Writes the status of one attempt; progress at most a few times a second."""

    def __init__(self, folder: RunFolder) -> None:
        before = folder.status() or Status()
        self._folder = folder
        self._pace: list[tuple[float, float]] = []
        self._written = 0.0
        self.status = before.model_copy(
            update={"attempt": before.attempt + 1, "pid": os.getpid(), "error": ""}
        )

    def write(self, **fields: object) -> None:
        """Write the status with some fields changed."""
        self.status = self.status.model_copy(update={**fields, "updated": now()})
        self._folder.write_status(self.status)
        self._written = time.monotonic()

    def wait(self, ahead: int) -> None:
        """Say that the job waits for its turn; CancelledError when it was asked to stop."""
        self.check_cancelled()
        sentence = f"waiting for its turn, {ahead} ahead" if ahead else "waiting for its turn"
        if self.status.sentence != sentence:
            self.write(state="queued", sentence=sentence)

    def begin(self) -> None:
        """Say that the work begins."""
        self.write(state="running", sentence="loading", started=now(), finished=None)

    def progress(self, step: Progress) -> None:
        """Say how far the work is; CancelledError when it was asked to stop."""
        self.check_cancelled()
        if time.monotonic() - self._written < STATUS_SECONDS and step.done < step.total:
            return
        fraction = step.done / step.total if step.total else 1.0
        self.write(
            fraction=fraction, sentence=step.sentence, seconds_left=self._seconds_left(fraction)
        )

    def _seconds_left(self, fraction: float) -> float | None:
        """Return the time left at the pace of the last while, None before there is one."""
        now_s = time.monotonic()
        self._pace = [(t, f) for t, f in self._pace if now_s - t <= PACE_SECONDS]
        self._pace.append((now_s, fraction))
        (first_s, first), *_ = self._pace
        if fraction <= first:
            return None
        return (now_s - first_s) * (1 - fraction) / (fraction - first)

    def check_cancelled(self) -> None:
        """Raise CancelledError when the job was asked to stop."""
        if self._folder.file(CANCEL_FILE).exists():
            raise CancelledError

    def end(self, state: str, sentence: str = "", error: str = "") -> None:
        """Write the last status, in the old one's place even where the disk is full."""
        ended: dict[str, object] = {"finished": now()} if state == "finished" else {}
        fraction = 1.0 if state == "finished" else self.status.fraction
        try:
            self.write(state=state, sentence=sentence or state, error=error, seconds_left=None,
                       fraction=fraction, **ended)  # fmt: skip
        except ValueError:
            text = self.status.model_dump_json()
            with contextlib.suppress(OSError):
                self._folder.file(STATUS_FILE).write_text(text, encoding="utf-8")
        with contextlib.suppress(OSError):
            self._folder.file(CANCEL_FILE).unlink(missing_ok=True)
        unmark(self._folder)


def work(folder: RunFolder) -> int:
    """Compute a run until it is finished, stopped or failed; return the exit code."""
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
    reporter = Reporter(folder)
    if reporter.status.state not in UNDER_WAY:
        log.info("the run was %s while this process started", reporter.status.state)
        return 0
    spec = folder.spec()
    if spec is None:
        reporter.end("failed", error="job.json is missing or damaged; begin the run again")
        return 1
    try:
        _attempt(folder, spec, reporter)
    except CancelledError:
        reporter.end("stopped")
    # Whatever goes wrong in hours of work, the status says what and the log where.
    except Exception as error:
        reporter.end("failed", error=_sentence(error))
        with contextlib.suppress(OSError):  # the log may lie on a full disk
            traceback.print_exc()
        return 1
    finally:
        lock.release()  # whoever resumes it now need not wait for the history
        _into_history(folder)
    return 0


def _attempt(folder: RunFolder, spec: Spec, reporter: Reporter) -> None:
    """Wait for a slot, then work step by step under the watchdog."""
    _step_back()
    reporter.write(state="queued", sentence="waiting for its turn")
    slot = wait_for_slot(folder, reporter.wait)
    try:
        reporter.begin()
        from pruneviz.jobs.context import Context  # brings torch, which a waiting job does without

        _into_history(folder)
        watchdog = Watchdog(folder, spec.options, reporter.end)
        with watchdog:
            context = Context(folder)
            _sweep(folder)
            _note_environment(folder, spec)
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


def _step_back() -> None:
    """Let everybody else go first, above all the app and the browser that shows it."""
    process = psutil.Process()
    with contextlib.suppress(psutil.Error, OSError):
        process.nice(min(process.nice() + NICENESS, MOST_NICE))
    with contextlib.suppress(OSError):
        # Linux shares the processor out by session first, so a nice process alone in its session
        # takes as much as any other: the session has to be nice too.
        AUTOGROUP.write_text(str(NICENESS))


def _sweep(folder: RunFolder) -> None:
    """Remove what a killed attempt left half written."""
    for path in folder.path.glob(".*-*"):
        if path.is_dir():
            for part in path.iterdir():
                part.unlink()
            path.rmdir()
        else:
            path.unlink()


def _note_environment(folder: RunFolder, spec: Spec) -> None:
    """Write down on what machine and with how many threads the run is computed."""
    import torch

    from pruneviz.history.folder import ENVIRONMENT_FILE, write_json
    from pruneviz.measure.machine import this_machine

    threads = int(spec.options.get("threads", default_threads()))
    torch.set_num_threads(threads)
    if spec.options.get("device", "cpu") != "cpu":  # or a resumed training would end otherwise
        torch.use_deterministic_algorithms(True, warn_only=True)
    write_json(
        folder.file(ENVIRONMENT_FILE),
        {**this_machine().model_dump(mode="json"), "threads": threads},
    )


def _into_history(folder: RunFolder) -> None:
    """Put the run into the index; where that fails, the index finds it by its folder later."""
    from pruneviz.history.index import History

    try:
        History(folder.path.parent.parent).record(folder.digest)
    except ValueError as error:
        log.warning("the run is not in the index yet: %s", error)


def _sentence(error: Exception) -> str:
    """Return an error in one line; those that no user can mend point to the log."""
    line = (str(error).splitlines() or [""])[0]
    if isinstance(error, ValueError):
        return line
    return f"{type(error).__name__}: {line}; the log says where"


def main() -> None:
    """Work on the run whose folder is named."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    sys.exit(work(RunFolder(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
