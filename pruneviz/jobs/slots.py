"""The queue: as many jobs at once as there are slots, the oldest first, no scheduler needed.

A slot is a file lock, so that the system frees it when its holder dies, however it dies.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from pruneviz.history.folder import RunFolder
from pruneviz.jobs.control import active
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

LIMIT_VARIABLE = "PRUNEVIZ_PARALLEL_JOBS"
LOOK_SECONDS = 0.3


def parallel_jobs() -> int:
    """Return how many jobs may run at once: PRUNEVIZ_PARALLEL_JOBS, or 1."""
    text = os.environ.get(LIMIT_VARIABLE, "1")
    if not text.isdecimal() or int(text) < 1:
        raise RefusedError(working.no_limit(LIMIT_VARIABLE, text[:20]))
    return int(text)


def wait_for_slot(folder: RunFolder, waiting: Callable[[int], None]) -> FileLock:
    """Return a slot of the queue, held; `waiting` is told how many jobs are ahead."""
    directory = folder.path.parent / ".slots"
    directory.mkdir(exist_ok=True)
    while True:
        ahead = _ahead(folder)
        if ahead == 0:
            slot = _free_slot(directory)
            if slot is not None:
                return slot
        waiting(ahead)
        time.sleep(LOOK_SECONDS)


def _free_slot(directory: Path) -> FileLock | None:
    for number in range(parallel_jobs()):
        slot = FileLock(directory / f"{number}.lock", timeout=0)
        try:
            slot.acquire()
        except Timeout:
            continue
        return slot
    return None


def _ahead(folder: RunFolder) -> int:
    """Return how many older jobs wait too."""
    count = 0
    for other in active(folder.path.parent.parent):
        if other.digest == folder.digest:
            return count
        status = other.status()
        if status is not None and status.state == "queued" and other.alive():
            count += 1
    return count
