"""What the runs take on the disk, what of it is too much, and what can go without harm."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from pruneviz.history.folder import CHECKPOINTS, LOCK_FILE, RunFolder
from pruneviz.history.index import History
from pruneviz.history.trash import EMPTYING, TRASH, empty_trash, thrown_away
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping

LIMIT_VARIABLE = "PRUNEVIZ_RUNS_LIMIT_GB"
DEFAULT_LIMIT_GB = 20.0
GB = 1_000_000_000
STALE = ("interrupted", "stopped", "failed")
STALE_DAYS, MOST_DAYS = 30.0, 36_500
LEFT_OVER = (
    ".new-",
    ".adopting-",
    ".importing-",
    EMPTYING,
)  # folders that a killed process left half made
LEFT_OVER_AGE = timedelta(days=1)


@dataclass(frozen=True)
class Usage:
    """Bytes on the disk: of all runs, of the trash, and of checkpoints that runs still need.

    The checkpoints are a part of the runs; the trash is not.
    """

    runs: int
    trashed: int
    runs_bytes: int
    trash_bytes: int
    checkpoints_bytes: int
    limit_bytes: int

    @property
    def over_bytes(self) -> int:
        """Return how many bytes are above the limit, 0 when none."""
        return max(0, self.runs_bytes + self.trash_bytes - self.limit_bytes)

    @property
    def sentence(self) -> str:
        """Return what is to be said of it, with the remedy where it is too much."""
        takes = "1 run takes" if self.runs == 1 else f"{self.runs:,} runs take"
        total = shown(self.runs_bytes + self.trash_bytes)
        if not self.over_bytes:
            return f"{takes} {total} of {shown(self.limit_bytes)}"
        return (
            f"{takes} {total}, {shown(self.over_bytes)} more than the "
            f"{shown(self.limit_bytes)} meant for them ({LIMIT_VARIABLE}): empty the trash "
            f"({shown(self.trash_bytes)}), remove old checkpoints "
            f"({shown(self.checkpoints_bytes)}), or delete runs"
        )


@dataclass(frozen=True)
class Cleaning:
    """What a clean-up removes, or would remove: bytes, and the runs whose checkpoints go."""

    trash_bytes: int
    checkpoints_bytes: int
    leftover_bytes: int
    runs: tuple[str, ...]

    @property
    def freed_bytes(self) -> int:
        """Return the bytes that are free again."""
        return self.trash_bytes + self.checkpoints_bytes + self.leftover_bytes


def limit_bytes() -> int:
    """Return how much the runs may take before it is said: PRUNEVIZ_RUNS_LIMIT_GB, or 20 GB."""
    text = os.environ.get(LIMIT_VARIABLE, str(DEFAULT_LIMIT_GB))
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not (math.isfinite(limit) and limit > 0):
        raise RefusedError(keeping.no_limit(LIMIT_VARIABLE, text[:20]))
    return int(limit * GB)


def measure_usage(history: History) -> Usage:
    """Return what the runs take: finished ones from the index, the others from the disk."""
    folders = [RunFolder(history.directory / row.digest) for row in history.unfinished()]
    return Usage(
        runs=history.count(),
        trashed=len(thrown_away(history.directory)),
        runs_bytes=history.finished_bytes() + sum(folder.size_bytes() for folder in folders),
        trash_bytes=RunFolder(history.directory / TRASH).size_bytes(),
        checkpoints_bytes=sum(_checkpoints_bytes(folder) for folder in folders),
        limit_bytes=limit_bytes(),
    )


def clean_up(history: History, days: float = STALE_DAYS, *, dry_run: bool = False) -> Cleaning:
    """Empty the trash and remove the checkpoints of runs that stopped more than `days` ago.

    Such a run begins anew when it is resumed; a finished result is never touched. A `dry_run`
    removes nothing and tells what would go.
    """
    if not 0 <= days <= MOST_DAYS:
        raise RefusedError(keeping.no_age(MOST_DAYS, days))
    thrown = sum(folder.size_bytes() for folder in thrown_away(history.directory))
    left = _left_over(history.directory)
    left_bytes = sum(RunFolder(path).size_bytes() for path in left)
    if not dry_run:
        empty_trash(history.directory)
        for path in left:
            shutil.rmtree(path, ignore_errors=True)  # what cannot go now goes the next time
    freed, runs = 0, []
    for row in history.unfinished():
        folder = RunFolder(history.directory / row.digest)
        if row.state in STALE and _stopped_before(folder, days):
            gone = _checkpoints_bytes(folder) if dry_run else _drop_checkpoints(folder)
            if gone:
                freed += gone
                runs.append(row.digest)
    history.sync()
    return Cleaning(thrown, freed, left_bytes, tuple(runs))


def shown(count: int) -> str:
    """Return bytes as people read them, such as 1.2 GB."""
    for size, unit in ((GB, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _checkpoints_bytes(folder: RunFolder) -> int:
    return RunFolder(folder.file(CHECKPOINTS)).size_bytes()


def _stopped_before(folder: RunFolder, days: float) -> bool:
    """Return whether nothing was written into the folder for so many days."""
    try:
        newest = max(path.stat().st_mtime for path in (folder.path, *folder.path.iterdir()))
    except OSError:
        return False
    return datetime.fromtimestamp(newest, UTC) <= datetime.now(UTC) - timedelta(days=days)


def _drop_checkpoints(folder: RunFolder) -> int:
    """Remove a run's checkpoints unless a process works on it, and return how much that frees."""
    freed = _checkpoints_bytes(folder)
    try:
        with FileLock(folder.file(LOCK_FILE), timeout=0.2, poll_interval=0.01):
            shutil.rmtree(folder.file(CHECKPOINTS), ignore_errors=True)
    except Timeout:
        return 0
    except OSError as error:
        raise RefusedError(
            keeping.checkpoints_stay(folder.digest[:12], error.strerror or str(error))
        ) from error
    return freed - _checkpoints_bytes(folder)


def _left_over(directory: Path) -> list[Path]:
    """Return folders that were being made or removed a day ago and still are."""
    newest = (datetime.now(UTC) - LEFT_OVER_AGE).timestamp()
    try:
        paths = [path for path in directory.iterdir() if path.name.startswith(LEFT_OVER)]
        return [path for path in paths if path.stat().st_mtime < newest]
    except OSError:
        return []
