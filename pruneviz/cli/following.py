"""Follow a job on the command line: a progress bar, and Ctrl-C that leaves it resumable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from pruneviz import jobs
from pruneviz.history.folder import UNDER_WAY, RunFolder, Status, run_digest, runs_directory
from pruneviz.home import default_home
from pruneviz.jobs.control import Options
from pruneviz.plan import Plan, Setting
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import commanding

if TYPE_CHECKING:
    from pruneviz.subjects import Subject

INTERRUPTED = 130  # what a shell expects of a command that Ctrl-C ended


def carry_out(
    kind: str,
    plan: Plan,
    *,
    subject: Subject | None = None,
    parent: str | None = None,
    options: Options | None = None,
    settings: Mapping[str, Setting] | None = None,
    resume: bool = True,
) -> RunFolder:
    """Begin a job or go on with it, follow it to its end and return its folder.

    `subject` is the plan's, where it is open already. `settings` are what the kind asks beyond the
    plan, `options` how it is computed. Without `resume`, one that was begun before is refused with
    the remedy. ValueError with the job's own sentence where it fails or is stopped elsewhere;
    SystemExit on Ctrl-C, which stops the job and leaves it resumable.
    """
    from pruneviz.run import bind
    from pruneviz.subjects import load_subject

    bound = bind(plan, subject or load_subject(plan))
    if not resume:
        _refuse_begun(kind, bound)
    folder = jobs.submit(
        default_home(), kind, bound, parent=parent, options=options, settings=settings
    )
    follow_to_its_end(folder)
    return folder


def follow_to_its_end(folder: RunFolder) -> None:
    """Show a job's progress until it is finished.

    ValueError with the job's own sentence where it fails or is stopped elsewhere; SystemExit on
    Ctrl-C, which stops the job and leaves it resumable.
    """
    try:
        status = _watch(folder)
    except KeyboardInterrupt:
        status = _stop(folder)
        Console(stderr=True, soft_wrap=True).print(
            f"stopped at {status.fraction:.0%}; {_remedy(folder)}", markup=False, highlight=False
        )
        raise SystemExit(INTERRUPTED) from None
    state = folder.state()
    if state == "failed":
        raise RefusedError(commanding.job_failed(status.error))
    if state != "finished":
        raise RefusedError(
            commanding.job_ended(folder.digest[:12], state, status.fraction, _remedy(folder))
        )


def _refuse_begun(kind: str, plan: Plan) -> None:
    folder = RunFolder(runs_directory(default_home()) / run_digest(kind, plan))
    status = folder.status()
    if status is not None and folder.state() in ("stopped", "interrupted", "failed"):
        short = folder.digest[:12]
        raise RefusedError(commanding.begun_before(folder.state(), status.fraction, short))


def _remedy(folder: RunFolder) -> str:
    return f"go on from there with: pruneviz runs resume {folder.digest[:12]}"


def _watch(folder: RunFolder) -> Status:
    """Show a job's progress until it has ended."""
    status = Status()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
               TextColumn("{task.fields[left]}"))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=1.0, left="")
        for status in jobs.follow(folder):
            progress.update(
                task, completed=status.bar(), description=status.sentence or status.state,
                left=_left(status),
            )  # fmt: skip
    return status


def _stop(folder: RunFolder) -> Status:
    """Ask a job to stop and wait until it has."""
    jobs.cancel(folder)
    status = Status()
    for status in jobs.follow(folder):
        if status.state not in UNDER_WAY:
            break
    return status


def _left(status: Status) -> str:
    """Return the time left in words, "" where it is not known."""
    if status.seconds_left is None:
        return ""
    minutes, seconds = divmod(round(status.seconds_left), 60)
    return f"{minutes} min {seconds:02d} s left" if minutes else f"{seconds} s left"
