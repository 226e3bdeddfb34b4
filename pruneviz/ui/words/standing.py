"""What a job does now, in words: one sentence for every state, the same on every page."""

from __future__ import annotations

from pruneviz.figures.kit import format as fmt
from pruneviz.jobs.job import Job, R
from pruneviz.ui.words import text
from pruneviz.wording.refusals import browsing

NOT_STARTED = "not started"


def line(job: Job[R]) -> str:
    """Return what a job does now; that nobody has begun it is a state too."""
    if job.state is None:
        return NOT_STARTED
    if not job.busy:
        return job.state
    if job.stopping:
        return "stopping …"
    status, waits = job.status, job.state == "queued"
    words = status.sentence or ("waiting to start" if waits else "loading")
    if waits or status.seconds_left is None or status.fraction >= 1:
        return f"{words} …"
    return f"{words}, about {fmt.seconds(status.seconds_left)} left"


def whole_line(job: Job[R]) -> str:
    """Return the same, and of one that failed why."""
    if job.state == "failed":
        return text.problem(browsing.job_failed(job.status.trouble or ""))
    return line(job)
