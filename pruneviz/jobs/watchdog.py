"""A thread beside the work that ends it when it must: too much memory, too long, or asked to."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType

import psutil

from pruneviz.history.folder import CANCEL_FILE, RunFolder
from pruneviz.jobs.control import KILL_SECONDS

LOOK_SECONDS = 0.25
MEMORY_SHARE = 0.75  # of the machine's memory, where no limit is given
HOURS = 24.0
EXIT_CODE = 3


class Watchdog:
    """Watches a job from `__enter__` to `__exit__`; what it ends is resumable.

    `options` may hold `memory_limit_gb` and `time_limit_hours`. `end` is called with state,
    sentence and error before the process leaves.
    """

    def __init__(
        self,
        folder: RunFolder,
        options: Mapping[str, bool | int | float | str],
        end: Callable[[str, str, str], None],
    ) -> None:
        share = MEMORY_SHARE * psutil.virtual_memory().total
        self._memory_bytes = float(options.get("memory_limit_gb", share / 1e9)) * 1e9
        self._seconds = float(options.get("time_limit_hours", HOURS)) * 3600
        self._folder, self._end = folder, end
        self._begun = time.monotonic()
        self._asked: float | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """Stop watching."""
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._done.wait(LOOK_SECONDS):
            used = process.memory_info().rss
            if used > self._memory_bytes:
                self._leave(
                    "failed",
                    f"it used {used / 1e9:.1f} GB of memory, and its limit is "
                    f"{self._memory_bytes / 1e9:.1f} GB: use smaller batches or raise the limit",
                )
            if time.monotonic() - self._begun > self._seconds:
                self._leave(
                    "failed",
                    f"it ran for its limit of {self._seconds / 3600:g} hours: resume it with a "
                    "higher limit",
                )
            if self._overdue():
                self._leave("stopped", "")

    def _overdue(self) -> bool:
        """Return whether the job was asked to stop so long ago that it must have hung."""
        if not self._folder.file(CANCEL_FILE).exists():
            self._asked = None
            return False
        self._asked = self._asked or time.monotonic()
        return time.monotonic() - self._asked > KILL_SECONDS

    def _leave(self, state: str, error: str) -> None:
        if self._done.is_set():
            return
        self._end(state, state, error)
        os._exit(EXIT_CODE)
