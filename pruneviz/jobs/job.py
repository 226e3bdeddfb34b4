"""A job at one moment, the same for every page, for the panel and for the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

import psutil

from pruneviz.history.folder import (
    UNDER_WAY,
    RunFolder,
    Spec,
    State,
    Status,
    run_digest,
    runs_directory,
)
from pruneviz.jobs.control import enforce
from pruneviz.jobs.kind import JobKind, Link, kind_title
from pruneviz.jobs.kind import kind as find_kind
from pruneviz.plan import Plan, Setting

R = TypeVar("R")


@dataclass(frozen=True)
class Job(Generic[R]):
    """A job at one moment; `state` is None while nobody has begun it.

    `asked` is the plan that it was asked of, `plan` the part of that which decides the result, and
    `settings` what is asked beyond it. `result` is what its page reads of it so far.
    """

    kind: str
    asked: Plan
    plan: Plan
    settings: Mapping[str, Setting]
    folder: RunFolder
    state: State | None
    status: Status
    stopping: bool
    result: R

    @property
    def busy(self) -> bool:
        """Return whether a process works on it, or it waits its turn, or is about to begin."""
        return self.state in UNDER_WAY

    @property
    def finished(self) -> bool:
        """Return whether it was done to its end."""
        return self.state == "finished"

    @cached_property
    def about(self) -> JobKind | None:
        """Return what its kind says of itself; None for one that only another version knows."""
        try:
            return find_kind(self.kind)
        except ValueError:
            return None

    @cached_property
    def damaged(self) -> bool:
        """Return whether it was finished, and its result cannot be read any more."""
        return self.finished and not (self.about and self.about.has_result(self.folder))

    @property
    def whole(self) -> bool:
        """Return whether its result is there."""
        return self.finished and not self.damaged

    @property
    def title(self) -> str:
        """Return what this work is called."""
        return self.about.title_of(self.plan) if self.about else kind_title(self.kind)

    @property
    def purpose(self) -> str:
        """Return what it is done for, such as `To lose at most 1 point`; "" where nothing says."""
        with suppress(ValueError):  # a job's file that is damaged or of another version
            return self.about.purpose(self.settings) if self.about else ""
        return ""

    @property
    def asks_amount(self) -> bool:
        """Return whether how much goes is a part of what was asked."""
        return self.about is not None and self.about.asks_amount

    @property
    def link(self) -> Link:
        """Return where its result is seen; Runs shows what only another version knows."""
        if self.about is None:
            return Link("runs", self.plan, {})
        spec = Spec(kind=self.kind, plan=self.plan, settings=self.settings)
        return self.about.link(self.folder, spec)


def read_job(
    home: Path, kind: str, bound: Plan, settings: Mapping[str, Setting], asked: Plan,
    read: Callable[[RunFolder, State | None], R],
) -> Job[R]:  # fmt: skip
    """Return the job of a kind for a bound plan and settings, begun or not.

    `asked` is the plan before it was bound. ValueError where the kind cannot be asked that.
    """
    found = find_kind(kind)
    plan, spelled = found.essential(bound), found.settings(settings)
    folder = RunFolder(runs_directory(home) / run_digest(kind, plan, spelled))
    enforce(folder)
    status = folder.status() or Status()
    state = _state(folder, status) if folder.path.is_dir() else None
    return Job(
        kind=kind, asked=asked, plan=plan, settings=spelled, folder=folder, state=state,
        status=status, stopping=folder.stopping(state), result=read(folder, state),
    )  # fmt: skip


def job_of(folder: RunFolder) -> Job[None] | None:
    """Return the job of a folder; None where that does not say what was asked."""
    spec = folder.spec()
    if spec is None:
        return None
    status = folder.status() or Status()
    state = _state(folder, status)
    return Job(
        kind=spec.kind, asked=spec.plan, plan=spec.plan, settings=spec.settings, folder=folder,
        state=state, status=status, stopping=folder.stopping(state), result=None,
    )  # fmt: skip


def _state(folder: RunFolder, status: Status) -> State:
    """Return a job's state; where its process is in sight, without waiting for the lock it holds.

    Waiting takes 50 ms for each job, and a slider that is moved meanwhile would wait too.
    """
    if status.state in UNDER_WAY and status.pid is not None:
        with suppress(psutil.Error):
            if str(folder.path.resolve()) in psutil.Process(status.pid).cmdline():
                return status.state
    return folder.state()
