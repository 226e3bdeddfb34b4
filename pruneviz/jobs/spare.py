"""A spare process: it has read what every job needs, and the next job begins in it at once.

A job that ends leaves one behind, fresh but for what it has imported, so that no job sees anything
of another. It waits for a while under `runs/.spare`, where its file says by its name which process
it is and in what environment; whoever renames that file has it. It ends by itself when nobody
comes, or when the home folder goes away.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from pruneviz.history.folder import LOG_FILE, RunFolder, runs_directory
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

FLAG = "--spare"
DIRECTORY = ".spare"
SECONDS_VARIABLE = "PRUNEVIZ_SPARE_SECONDS"
SECONDS = 120
WORKER = "pruneviz.jobs.worker"
READY, JOB = ".ready", ".job"
TAKE_SECONDS = 3.0  # in which a spare that was taken reads which job it was taken for
LOOK_SECONDS = 0.05


def seconds() -> int:
    """Return how long a spare waits: PRUNEVIZ_SPARE_SECONDS, or 120; 0 for no spare at all."""
    text = os.environ.get(SECONDS_VARIABLE, str(SECONDS))
    if not text.isdecimal():
        raise RefusedError(working.no_seconds(SECONDS_VARIABLE, text[:20]))
    return int(text)


def keep(home: Path, environment: Mapping[str, str]) -> None:
    """Start a spare for the jobs of a home folder, in the environment given, unless one waits."""
    directory = runs_directory(home) / DIRECTORY
    if not seconds() or not directory.parent.is_dir() or any(_waiting(directory)):
        return
    subprocess.Popen(
        [sys.executable, "-P", "-m", WORKER, FLAG, str(home.resolve())],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def is_waiting(home: Path) -> bool:
    """Return whether a spare waits for a job."""
    return any(_waiting(runs_directory(home) / DIRECTORY))


def wait(home: Path, environment: Mapping[str, str]) -> RunFolder | None:
    """Read what every job needs, then wait for one; None when none came or the home went away.

    From then on this process writes into the job's log.
    """
    from pruneviz.jobs.kind import kind

    kind("run")  # brings torch and all kinds
    directory = runs_directory(home) / DIRECTORY
    ready = directory / f"{os.getpid()}.{_digest(environment)}{READY}"
    try:
        directory.mkdir(exist_ok=True)
        ready.touch()
    except OSError:  # the home went away meanwhile
        return None
    end = time.monotonic() + seconds()
    while ready.exists():
        if time.monotonic() > end and _rename(ready, ready.with_suffix(".ended")):
            ready.with_suffix(".ended").unlink(missing_ok=True)
            return None
        time.sleep(LOOK_SECONDS)
    return _taken(directory)


def _taken(directory: Path) -> RunFolder | None:
    """Return the job that this process was taken for, None where nobody says it."""
    job, end = directory / f"{os.getpid()}{JOB}", time.monotonic() + TAKE_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            asked = json.loads(job.read_text(encoding="utf-8"))
            job.unlink()  # now it is ours: whoever gave it sees so
            folder = RunFolder(Path(asked["folder"]))
            log = os.open(folder.file(LOG_FILE), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(asked["started_in"])
            return folder
        time.sleep(LOOK_SECONDS / 5)
    return None


def hand_over(folder: RunFolder, started_in: Path, environment: Mapping[str, str]) -> bool:
    """Give a job to a spare of the same environment; return whether one took it."""
    directory, wanted = folder.path.parent / DIRECTORY, _digest(environment)
    for ready in _waiting(directory):
        pid, digest = ready.name.removesuffix(READY).split(".")
        taken = ready.with_suffix(".taken")
        if digest != wanted or not _rename(ready, taken):
            continue
        taken.unlink(missing_ok=True)
        asked = {"folder": str(folder.path.resolve()), "started_in": str(started_in.resolve())}
        beside, job = directory / f"{pid}.new", directory / f"{pid}{JOB}"
        beside.write_text(json.dumps(asked), encoding="utf-8")
        beside.replace(job)  # whole or not at all
        end = time.monotonic() + TAKE_SECONDS
        while job.exists() and time.monotonic() < end and psutil.pid_exists(int(pid)):
            time.sleep(LOOK_SECONDS / 5)
        try:
            job.unlink()
        except FileNotFoundError:
            return True
    return False


def _waiting(directory: Path) -> Iterator[Path]:
    """Yield the files of the spares that wait; those of processes that are gone are removed."""
    for ready in sorted(directory.glob(f"*{READY}")):
        pid = ready.name.partition(".")[0]
        with contextlib.suppress(psutil.Error, ValueError):
            if WORKER in " ".join(psutil.Process(int(pid)).cmdline()):
                yield ready
                continue
        ready.unlink(missing_ok=True)


def _rename(source: Path, target: Path) -> bool:
    """Rename a file; return False where another process was faster."""
    try:
        source.rename(target)
    except OSError:
        return False
    return True


def _digest(environment: Mapping[str, str]) -> str:
    """Return what two environments have in common if they are the same."""
    text = json.dumps(sorted(environment.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
