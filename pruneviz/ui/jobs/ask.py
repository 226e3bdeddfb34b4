"""What a page asks of the session's plan as a job: look how far it is, and begin it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Unpack

from pruneviz import run
from pruneviz.history.folder import RunFolder, State
from pruneviz.home import default_home
from pruneviz.jobs import job as engine
from pruneviz.jobs.job import Job, R
from pruneviz.plan import Plan, Setting
from pruneviz.ui.engine import cache, gate
from pruneviz.ui.engine.gate import Wanted

Read = Callable[[RunFolder, State | None], R]


def nothing(folder: RunFolder, state: State | None) -> None:
    """Read nothing of a job's folder."""


def job_of(plan: Plan, kind: str, settings: Mapping[str, Setting], read: Read[R]) -> Job[R]:
    """Return the job that answers a question about a plan; ValueError where it cannot be asked.

    What of the plan does not matter to the answer is left out, so all such plans share one job.
    """
    bound = run.bind(plan, cache.subject(plan))
    return engine.read_job(default_home(), kind, bound, settings, plan, read)


def begin(job: Job[R], **wanted: Unpack[Wanted]) -> None:
    """Begin a job, or go on with it; ValueError when it may not run or cannot be started."""
    wanted["settings"] = job.settings
    gate.submit(job.kind, job.plan, **wanted)
