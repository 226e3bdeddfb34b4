"""A recovery as the page sees it: a run, its curve so far, and what can be done with it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pruneviz import jobs, run
from pruneviz.figures.epochs import Course, Curves, Levels
from pruneviz.figures.kit import format as fmt
from pruneviz.history.curve import read_curve
from pruneviz.history.folder import CURVE_FILE, RunFolder, State
from pruneviz.history.row import Row
from pruneviz.jobs.job import Job
from pruneviz.plan import Part, Plan
from pruneviz.recovery.rounds import epochs_reached, trains, weighs_classes
from pruneviz.report import EpochRow, MetricPair, Report
from pruneviz.store import read_report
from pruneviz.ui.engine import cache
from pruneviz.ui.jobs import ask
from pruneviz.ui.jobs.watch import watch
from pruneviz.ui.kit import keeping
from pruneviz.ui.recover import costs
from pruneviz.ui.session import drafts, recipes
from pruneviz.ui.words import standing
from pruneviz.wording import RefusedError, said_by
from pruneviz.wording.refusals import browsing

KIND = "run"
BUSY_SECONDS, IDLE_SECONDS = 0.6, 3.0  # between two looks
MORE_SEEDS = 2
MOST_EARLIER, MOST_SEARCHED = 5, 300
KEEP_KEY = "pruneviz-kept"


@dataclass(frozen=True)
class Recovered:
    """What a recovery has reached: its points so far, and once it is finished its report."""

    rows: tuple[EpochRow, ...]
    report: Report | None

    @property
    def epochs(self) -> int:
        """Return how many epochs are trained."""
        return self.rows[-1].epoch if self.rows else 0


RecoveryJob = Job[Recovered]


def job_of(plan: Plan) -> RecoveryJob:
    """Return how far a plan's recovery is; ValueError where its folder is damaged."""
    return ask.job_of(plan, KIND, {}, _read)


def _read(folder: RunFolder, state: State | None) -> Recovered:
    report = _report(folder) if state == "finished" else None
    done = report.recovery if report else None
    return Recovered(done.curve if done else read_rows(folder), report)


def can_be_kept(now: RecoveryJob) -> bool:
    """Return whether it could end now: all is removed, an epoch trained, not the last one."""
    training = sum(trains(step) for step in now.asked.recovery)
    last = now.result.rows[-1] if now.result.rows else None
    return (
        training == 1
        and last is not None
        and last.round == recipes.rounds(now.asked)
        and last.loss is not None
        and last.epoch < recipes.epochs_run(now.asked)
    )


def _report(folder: RunFolder) -> Report:
    try:
        return read_report(folder.path)
    except ValueError as error:
        raise RefusedError(browsing.recovered_unusable(said_by(error))) from error


def proposed(plan: Plan, *, removed: int) -> Plan:
    """Return the plan with the draft of its recovery.

    It begins with the plan's own recovery, else with a recipe: of nothing removed, the control.
    """
    if removed or run.asks_for_rounds(plan):
        return drafts.opened(plan, recipes.proposed(plan))
    return drafts.opened(plan, recipes.with_recipe(plan, "recalibrate"))


def others(plan: Plan) -> tuple[RecoveryJob, ...]:
    """Return the recoveries of the same plan with the next seeds, as far as they were begun."""
    found = [job_of(plan.changed(seed=seed)) for seed in _more_seeds(plan)]
    return tuple(one for one in found if one.state is not None)


def look_again(now: RecoveryJob, more: Sequence[RecoveryJob], *, measuring: bool) -> float | None:
    """Return after how many seconds to look again; None where nothing can change by itself."""
    if measuring or any(one.busy for one in (now, *more)):
        return BUSY_SECONDS
    resumable = any(one.state not in (None, "finished") for one in (now, *more))
    return IDLE_SECONDS if resumable else None


def _more_seeds(plan: Plan) -> range:
    return range(plan.seed + 1, plan.seed + 1 + MORE_SEEDS)


def begin(now: RecoveryJob) -> None:
    """Begin a plan's recovery, or go on with it; ValueError where it may not run or cannot."""
    began_from = keeping.parent(now.asked)
    parent = None if began_from == now.folder.digest else began_from
    ask.begin(now, parent=parent, options={"device": costs.DEVICE})


def begin_seeds(plan: Plan) -> None:
    """Begin the same recovery with the next seeds."""
    for seed in _more_seeds(plan):
        begin(job_of(plan.changed(seed=seed)))


def stop(now: RecoveryJob) -> None:
    """Ask a recovery to stop; it can be resumed."""
    jobs.cancel(now.folder)


def keep(now: RecoveryJob) -> None:
    """Stop a recovery and keep what it has reached; `finish_keeping` does the rest."""
    st.session_state[KEEP_KEY] = now.folder.digest
    if now.busy:
        jobs.cancel(now.folder)


def is_kept(now: RecoveryJob) -> bool:
    """Return whether a recovery was asked to end where it is."""
    return st.session_state.get(KEEP_KEY) == now.folder.digest


def finish_keeping(now: RecoveryJob) -> bool:
    """Put a plan that ends after the last epoch into the session, once the process is gone.

    Its run goes on from the checkpoints of the one that was stopped, so it ends at once. Returns
    whether the session has another plan now.
    """
    if not is_kept(now) or now.busy:
        return False
    del st.session_state[KEEP_KEY]
    if not can_be_kept(now):  # it ended by itself, or before its first epoch
        return False
    plan = recipes.stopped_after(now.asked, epochs_reached(now.asked, now.result.rows))
    ask.begin(
        job_of(plan), parent=now.folder.digest, options={"device": costs.DEVICE},
        begin_from=now.folder,
    )  # fmt: skip
    recipes.put(plan)
    return True


def line(now: RecoveryJob) -> str:
    """Return in one line how far a recovery is and how long the rest takes."""
    if now.finished:
        return f"finished: {recipes.words(now.asked)}"
    if is_kept(now):
        return f"ending after epoch {now.result.epochs} …"
    if now.state is not None and not now.busy:
        done = (
            f"after {fmt.plural(now.result.epochs, 'epoch')}"
            if now.result.epochs
            else "before the first epoch"
        )
        return f"{now.state} {done}"
    return standing.line(now)


def levels(now: RecoveryJob, original: float) -> Levels:
    """Return what a recovery is compared with, as far as it is known."""
    if now.result.report and now.result.report.recovery and now.result.report.primary:
        return Levels.of(now.result.report.primary, now.result.report.recovery)
    raw = cache.live(now.asked.without(Part.RECOVERY))
    pair = raw.report.primary
    before = pair.pruned if pair and raw.exact else None
    return Levels(original, before, metric=cache.subject(now.asked).metrics[0])


def course(now: RecoveryJob, samples: int) -> Course:
    """Return what a recovery is planned to be, and how far it is."""
    planned = recipes.epochs_run(now.asked)
    return Course(
        epochs=now.result.epochs if now.finished else planned,
        rounds=recipes.rounds(now.asked),
        samples=samples,
        over=now.finished,
        weighted=weighs_classes(now.asked),
    )


def curves(now: RecoveryJob, more: Sequence[RecoveryJob]) -> Curves:
    """Return the rows of a recovery and of those with other seeds that have any, by seed."""
    found = {now.asked.seed: now.result.rows}
    found.update({one.asked.seed: one.result.rows for one in more if one.result.rows})
    return found


def read_rows(folder: RunFolder) -> tuple[EpochRow, ...]:
    """Return the points that a recovery has written so far; none where they cannot be read."""
    path = folder.file(CURVE_FILE)
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return ()
    return _rows(path.parent, changed)


@functools.lru_cache(maxsize=16)
def _rows(path: Path, changed: int) -> tuple[EpochRow, ...]:
    try:
        return read_curve(RunFolder(path))
    except ValueError:
        return ()  # damaged: the curve of the next epoch takes its place


@dataclass(frozen=True)
class Earlier:
    """A finished recovery of the same pruning: its row in the history, and by what it is judged."""

    plan: Plan
    row: Row
    quality: MetricPair | None


def earlier(now: RecoveryJob) -> list[Earlier]:
    """Return the last other recoveries of the same pruning, the newest first."""
    bound = now.plan
    history = watch().history()
    rows = history.search(
        kind=KIND, model=bound.model, state="finished", order="finished", limit=MOST_SEARCHED
    )
    alike = {name: getattr(bound, name) for name in ("criterion", "granularity", "scope", "seed")}
    wanted = bound.without(Part.RECOVERY)
    found: list[Earlier] = []
    for row in rows:
        same = row.recovery and all(getattr(row, name) == value for name, value in alike.items())
        if not same or row.digest == now.folder.digest or len(found) == MOST_EARLIER:
            continue
        folder = RunFolder(now.folder.path.parent / row.digest)
        spec = folder.spec()
        if spec is not None and spec.plan.without(Part.RECOVERY) == wanted:
            found.append(Earlier(spec.plan, row, _quality(folder)))
    return found


def _quality(folder: RunFolder) -> MetricPair | None:
    """Return what judges a run, None where its report cannot be read: Runs says why."""
    try:
        return read_report(folder.path).primary
    except ValueError:
        return None
