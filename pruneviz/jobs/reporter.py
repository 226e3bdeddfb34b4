"""What a job leaves beside its result: how far it is, where it is computed, its line in history."""

from __future__ import annotations

import contextlib
import logging
import os
import time

from pruneviz.history.folder import CANCEL_FILE, STATUS_FILE, RunFolder, Status, now
from pruneviz.jobs import start
from pruneviz.jobs.control import unmark
from pruneviz.jobs.kind import Progress
from pruneviz.wording import Fact

STATUS_SECONDS = 0.25
PACE_SECONDS = 20.0  # long enough for the judging after an epoch to count in
log = logging.getLogger(__name__)


class CancelledError(Exception):
    """The job was asked to stop."""


class Reporter:
    """Writes the status of one attempt; progress at most a few times a second."""

    def __init__(
        self, folder: RunFolder, since: float | None = None, *, warm: bool = False
    ) -> None:
        """Begin an attempt; `since` is when its process came up or, `warm`, was handed the job."""
        self._since, self._warm = since, warm
        before = folder.status() or Status()
        self._folder = folder
        self._pace: list[tuple[float, float]] = []
        self._written = 0.0
        self.status = before.model_copy(
            update={"attempt": before.attempt + 1, "pid": os.getpid(), "error": "", "refusal": None}
        )

    def write(self, **fields: object) -> None:
        """Write the status with some fields changed."""
        self.status = self.status.model_copy(update={**fields, "updated": now()})
        self._folder.write_status(self.status)
        self._written = time.monotonic()

    def wait(self, ahead: int) -> None:
        """Say that the job waits for its turn; CancelledError when it was asked to stop."""
        self.check_cancelled()
        if self._since is not None:
            self._since = time.time()  # what the queue takes is no part of the start
        sentence = f"waiting for its turn, {ahead} ahead" if ahead else "waiting for its turn"
        if self.status.sentence != sentence:
            self.write(state="queued", sentence=sentence)

    def begin(self) -> None:
        """Say that the work begins."""
        self.write(
            state="running", sentence="loading PyTorch", started=now(), finished=None, loaded=0.2
        )

    def loading(self, sentence: str, share: float) -> None:
        """Say what is loaded now and which share of that is done; CancelledError when asked to."""
        self.check_cancelled()
        self.write(sentence=sentence, loaded=share)
        if share >= 1.0 and self._since is not None:
            home = self._folder.path.parent.parent
            start.note(home, time.time() - self._since, warm=self._warm)
            self._since = None

    def progress(self, step: Progress) -> None:
        """Say how far the work is; CancelledError when it was asked to stop."""
        self.check_cancelled()
        if time.monotonic() - self._written < STATUS_SECONDS and step.done < step.total:
            return
        fraction = step.done / step.total if step.total else 1.0
        self.write(
            fraction=fraction,
            loaded=1.0,
            sentence=step.sentence,
            seconds_left=self._seconds_left(fraction),
        )

    def _seconds_left(self, fraction: float) -> float | None:
        """Return the time left at the pace of the last while, None before there is one."""
        now_s = time.monotonic()
        self._pace = [(t, f) for t, f in self._pace if now_s - t <= PACE_SECONDS]
        self._pace.append((now_s, fraction))
        (first_s, first), *_ = self._pace
        if fraction <= first or fraction >= 1:
            return None
        return (now_s - first_s) * (1 - fraction) / (fraction - first)

    def check_cancelled(self) -> None:
        """Raise CancelledError when the job was asked to stop."""
        if self._folder.file(CANCEL_FILE).exists():
            raise CancelledError

    def end(self, state: str, sentence: str = "", error: str | Fact = "") -> None:
        """Write the last status, in the old one's place even where the disk is full."""
        refusal = error.state() if isinstance(error, Fact) else None
        ended: dict[str, object] = {"finished": now()} if state == "finished" else {}
        fraction = 1.0 if state == "finished" else self.status.fraction
        try:
            self.write(state=state, sentence=sentence or state, error=str(error), refusal=refusal,
                       seconds_left=None, fraction=fraction, **ended)  # fmt: skip
        except ValueError:
            text = self.status.model_dump_json()
            with contextlib.suppress(OSError):
                self._folder.file(STATUS_FILE).write_text(text, encoding="utf-8")
        with contextlib.suppress(OSError):
            self._folder.file(CANCEL_FILE).unlink(missing_ok=True)
        unmark(self._folder)


def note_environment(folder: RunFolder) -> None:
    """Write down on what machine and with how many threads the run is computed."""
    import torch

    from pruneviz.history.folder import ENVIRONMENT_FILE, write_json
    from pruneviz.measure.machine import this_machine

    write_json(
        folder.file(ENVIRONMENT_FILE),
        {**this_machine().model_dump(mode="json"), "threads": torch.get_num_threads()},
    )


def into_history(folder: RunFolder) -> None:
    """Put the run into the index; where that fails, the index finds it by its folder later."""
    from pruneviz.history.index import History

    try:
        History(folder.path.parent.parent).record(folder.digest)
    except ValueError as error:
        log.warning("the run is not in the index yet: %s", error)
