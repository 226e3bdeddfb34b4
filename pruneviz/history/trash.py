"""Deleting a run moves its folder into the trash, from where it can be taken back."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pruneviz.history.folder import LOCK_FILE, RunFolder, is_digest
from pruneviz.history.label import plain, read_label
from pruneviz.history.query import is_prefix
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import keeping

TRASH = ".trash"
THROWN = re.compile(r"([0-9a-f]{64})(?:\.([0-9]+))?")  # a digest, and which deletion of it
EMPTYING = ".emptying-"  # what a process that was killed left behind is removed by the next one


def delete(directory: Path, digest: str) -> None:
    """Move a run's folder into the trash; ValueError while a process works on it.

    What was deleted under the same digest earlier stays there beside it.
    """
    path = _path(directory, digest)
    if not path.is_dir():
        raise RefusedError(keeping.no_such_run(digest[:12]))
    with _alone(path, "deleted", "delete it"):
        _throw(directory, path)


def restore(directory: Path, digest: str) -> None:
    """Move the run that was deleted last under a digest out of the trash.

    A run that was computed again since goes into the trash in its place. ValueError where nothing
    of that digest is in the trash, or a process works on the one that is to go.
    """
    path = _path(directory, digest)
    copies = _copies(directory, digest)
    if not copies:
        raise RefusedError(keeping.not_in_trash(digest[:12]))
    source = max(copies, key=_number)
    try:
        if not path.exists():
            source.rename(path)
            return
    except OSError as error:
        raise RefusedError(
            keeping.not_restored(digest[:12], error.strerror or str(error))
        ) from error
    with _alone(path, "restored", "restore the other"):
        thrown = _throw(directory, path)
        try:
            source.rename(path)
        except OSError:
            thrown.rename(path)
            raise


@contextmanager
def _alone(path: Path, done: str, then: str) -> Iterator[None]:
    """Hold a run's lock, so that no process begins to work on it; ValueError where one does."""
    digest = path.name[:12]
    try:
        with FileLock(path / LOCK_FILE, timeout=0.2, poll_interval=0.01):
            yield
    except Timeout as error:
        raise RefusedError(keeping.stop_first(digest, then)) from error
    except OSError as error:
        raise RefusedError(keeping.not_done(digest, done, error.strerror or str(error))) from error


def _throw(directory: Path, path: Path) -> Path:
    """Move a folder into the trash under the next number of its digest, and return where to."""
    number = 1 + max(map(_number, _copies(directory, path.name)), default=0)
    goal = directory / TRASH / f"{path.name}.{number}"
    goal.parent.mkdir(exist_ok=True)
    return path.rename(goal)


def _copies(directory: Path, digest: str) -> list[Path]:
    """Return the folders in the trash that were this run."""
    found = (directory / TRASH).glob(f"{digest}*")
    return [path for path in found if THROWN.fullmatch(path.name)]


def _number(path: Path) -> int:
    """Return which deletion of its digest a folder is from, 0 where the name does not say."""
    return int(path.name.partition(".")[2] or 0)


def thrown_away(directory: Path) -> list[RunFolder]:
    """Return every folder in the trash, the last one deleted first."""
    try:
        found = [path for path in (directory / TRASH).iterdir() if THROWN.fullmatch(path.name)]
        found.sort(key=lambda path: path.stat().st_ctime_ns, reverse=True)
    except OSError:
        return []
    return [RunFolder(path) for path in found]


def trashed(directory: Path) -> list[RunFolder]:
    """Return the runs that `restore` brings back, the last one deleted first: one a digest."""
    folders = thrown_away(directory)
    last: dict[str, RunFolder] = {}
    for folder in folders:
        if _number(folder.path) >= _number(last.get(folder.digest, folder).path):
            last[folder.digest] = folder
    return [folder for folder in folders if last[folder.digest] is folder]


def find_trashed(directory: Path, text: str) -> str:
    """Return the one digest in the trash that begins so, or whose run has this name."""
    found = [
        folder.digest
        for folder in trashed(directory)
        if (is_prefix(text) and folder.digest.startswith(text))
        or (text and not is_digest(text) and read_label(folder)[0].name == text)
    ]
    if len(found) != 1:
        what = "several runs in the trash are" if found else "no run in the trash is"
        some = ": " + ", ".join(digest[:12] for digest in found[:10]) if found else ""
        raise RefusedError(keeping.called_in_trash(what, plain(text, 70), some))
    return found[0]


def empty_trash(directory: Path) -> int:
    """Remove what is in the trash for good, and return how many bytes that freed."""
    freed = 0
    try:
        for folder in thrown_away(directory):
            freed += folder.size_bytes()
            _remove(directory, folder.path)
        for left in directory.glob(f"{EMPTYING}*"):
            freed += RunFolder(left).size_bytes()
            shutil.rmtree(left)
    except OSError as error:
        raise RefusedError(keeping.trash_not_emptied(error.strerror or str(error))) from error
    return freed


def _remove(directory: Path, path: Path) -> None:
    """Remove a folder of the trash; a half removed one is never taken for a run."""
    if path.exists():
        beside = Path(tempfile.mkdtemp(dir=directory, prefix=EMPTYING))
        path.rename(beside / path.name)
        shutil.rmtree(beside)


def _path(directory: Path, digest: str) -> Path:
    if not is_digest(digest):
        raise RefusedError(keeping.no_digest(digest[:70]))
    return directory / digest
