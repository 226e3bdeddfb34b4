"""What jobs there are: looked at once for all sessions of a server, however many tabs are open."""

from __future__ import annotations

import functools
import math
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from pruneviz import jobs
from pruneviz.history.folder import UNDER_WAY, runs_directory
from pruneviz.history.index import History
from pruneviz.home import default_home
from pruneviz.jobs.control import ACTIVE
from pruneviz.jobs.job import Job, job_of

MOST_RECENT = 3
MOST_ENDINGS = 100
SYNC_SECONDS = 60.0
ENDED = ("finished", "failed")


@dataclass(frozen=True)
class Ending:
    """A job that finished or failed since the server started, by its number."""

    number: int
    job: Job[None]


@dataclass(frozen=True)
class Seen:
    """The jobs that are not over, what ended since the server started, and the last finished."""

    jobs: tuple[Job[None], ...] = ()
    endings: tuple[Ending, ...] = ()
    finished: tuple[Job[None], ...] = ()

    @property
    def under_way(self) -> int:
        """Return how many jobs are computed or wait for their turn."""
        return sum(job.busy for job in self.jobs)

    @property
    def last(self) -> int:
        """Return the number of the last ending, 0 where nothing ended."""
        return self.endings[-1].number if self.endings else 0

    @property
    def recent(self) -> tuple[Job[None], ...]:
        """Return the last few that failed or finished, the newest first."""
        ended = [ending.job for ending in self.endings]
        over = {job.folder.digest: job for job in (*self.finished, *ended)}
        waiting = {job.folder.digest for job in self.jobs}
        kept = [job for digest, job in over.items() if digest not in waiting]
        kept.sort(key=lambda job: job.status.updated, reverse=True)
        return tuple(kept[:MOST_RECENT])


class Watch:
    """Looks after the jobs of a home folder; one for all sessions, so that looking stays cheap."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._looked = -math.inf
        self._changed = -1
        self._seen = Seen()
        self._making = threading.Lock()
        self._history: History | None = None
        self._synced = -math.inf

    def latest(self, max_age_seconds: float) -> Seen:
        """Return what was seen at most so long ago, or before a job was begun or ended.

        While one session looks, another gets what was seen before.
        """
        old = time.monotonic() - self._looked > max_age_seconds
        first = self._looked == -math.inf
        if (old or self._marked() != self._changed) and self._lock.acquire(blocking=first):
            try:
                self._poll()
            finally:
                self._lock.release()
        return self._seen

    def history(self) -> History:
        """Return all runs, up to date: others note theirs themselves, so a look a minute is enough.

        The first call reads every folder that the index does not know; the server makes it early.
        """
        with self._making:
            if self._history is None:
                self._history = History(self._home)
            elif time.monotonic() - self._synced > SYNC_SECONDS:
                self._history.sync()
            else:
                return self._history
            self._synced = time.monotonic()
            self._changed = -1  # the next look finds what the history knows
            return self._history

    def _marked(self) -> int:
        """Return when the list of active jobs last grew or shrank, 0 where there is none."""
        try:
            return (runs_directory(self._home) / ACTIVE).stat().st_mtime_ns
        except OSError:
            return 0

    def _poll(self) -> None:
        changed = self._marked()
        found = []
        for folder in jobs.active(self._home):
            jobs.enforce(folder)
            job = job_of(folder)
            if job is not None and job.state in (*UNDER_WAY, "interrupted"):
                found.append(job)
        still = {job.folder.digest for job in found}
        gone = [job for job in self._seen.jobs if job.folder.digest not in still]
        seen = replace(self._seen, jobs=tuple(found), endings=self._with(gone))
        if changed != self._changed:
            seen = replace(seen, finished=self._finished())
        self._seen, self._changed, self._looked = seen, changed, time.monotonic()

    def _with(self, gone: list[Job[None]]) -> tuple[Ending, ...]:
        """Return the endings and those of the jobs that are no longer active, numbered on."""
        endings = list(self._seen.endings)
        for before in gone:
            job = job_of(before.folder)
            if job is not None and job.state in ENDED:
                endings.append(Ending(endings[-1].number + 1 if endings else 1, job))
        return tuple(endings[-MOST_ENDINGS:])

    def _finished(self) -> tuple[Job[None], ...]:
        """Return the last finished runs; none before the history is read, or where it cannot be."""
        if self._history is None:
            return ()
        try:
            rows = self._history.search(state="finished", order="finished", limit=MOST_RECENT)
            folders = [self._history.folder(row.digest) for row in rows]
        except ValueError:  # Runs says why
            return ()
        found = [job_of(folder) for folder in folders]
        return tuple(job for job in found if job is not None and job.state == "finished")


def watch() -> Watch:
    """Return the watch over this server's home folder."""
    with _ONE:
        return _watch(default_home())


_ONE = threading.Lock()  # or two who ask first would each have a watch of their own


@functools.cache
def _watch(home: Path) -> Watch:
    return Watch(home)
