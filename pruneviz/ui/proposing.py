"""A proposal as Tune sees it: computed at once where that is quick, else by a job."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from pruneviz import jobs, run
from pruneviz.history.folder import (
    CANCEL_FILE,
    PROPOSAL_FILE,
    UNDER_WAY,
    RunFolder,
    State,
    Status,
    run_digest,
    runs_directory,
)
from pruneviz.home import default_home
from pruneviz.plan import Plan
from pruneviz.propose import (
    Goal,
    Proposal,
    finished_points,
    proposal_plan,
    propose,
    read_proposal,
)
from pruneviz.propose.goal import ACCURACY, MILLISECONDS
from pruneviz.ui import cache, edits, scanning, state

KIND = "proposal"
TICK_SECONDS = 0.5
AT_ONCE_SECONDS = 4.0  # what takes longer by the original's speed is a job
EVALUATIONS = {ACCURACY: 50}  # about; of the other goals:
FEW_EVALUATIONS, TIMED_PASSES = 6, 2000
COUNTING_SECONDS = 0.03  # of one layer, about
AWAITED_KEY = "pruneviz-proposal-awaited"


@dataclass(frozen=True)
class Proposed:
    """A proposal at one moment. `state` is None while no job was begun; `found` is the result.

    `asked` is the session's plan, `plan` the part of it that decides.
    """

    asked: Plan
    plan: Plan
    goal: Goal
    folder: RunFolder
    state: State | None
    status: Status
    stopping: bool
    found: Proposal | None

    @property
    def busy(self) -> bool:
        """Return whether a process works on it, or is about to."""
        return self.state in UNDER_WAY

    @property
    def awaited(self) -> bool:
        """Return whether this session asked for it and has not put it on the sliders yet."""
        return st.session_state.get(AWAITED_KEY) == self.folder.digest


def look(plan: Plan, goal: Goal) -> Proposed:
    """Return how far the proposal for a plan's locks and methods and a goal is."""
    bound = proposal_plan(run.bind(plan, cache.subject(plan)))
    digest = run_digest(KIND, bound, goal.settings())
    folder = RunFolder(runs_directory(default_home()) / digest)
    jobs.enforce(folder)
    now = folder.state() if folder.path.is_dir() else None
    return Proposed(
        asked=plan,
        plan=bound,
        goal=goal,
        folder=folder,
        state=now,
        status=folder.status() or Status(),
        stopping=folder.file(CANCEL_FILE).exists(),
        found=_kept().get(digest) or _read(folder, now),
    )


@st.cache_resource(show_spinner=False)
def _kept() -> dict[str, Proposal]:
    """Return what was computed at once since the server began, by digest."""
    return {}


def _read(folder: RunFolder, now: State | None) -> Proposal | None:
    if now != "finished":
        return None
    try:
        return read_proposal(folder.file(PROPOSAL_FILE))
    except ValueError:  # it is computed again when it is asked for
        return None


def expected_seconds(plan: Plan, goal: Goal) -> float:
    """Return how long a proposal takes by the original's speed, curves that are missing too."""
    scan, original = scanning.look(plan), cache.original(plan)
    prepared = cache.prepared(plan)
    data = prepared.subject.data
    inputs = len(data.x) + len(data.calibration_x) if data else 0
    passes = inputs * EVALUATIONS.get(goal.kind, FEW_EVALUATIONS)
    passes += TIMED_PASSES if goal.kind == MILLISECONDS else 0
    curves = 0.0 if scan.finished else scan.expected_seconds * (1 - scan.fraction)
    return curves + passes * original.seconds_per_input + COUNTING_SECONDS * len(prepared.units)


def begin(now: Proposed) -> None:
    """Propose, and put the ratios on the sliders; long work becomes a job that this waits for.

    ValueError where the goal cannot be reached, or the job may not run.
    """
    cache.check_allowed(now.asked)
    if now.found is None and expected_seconds(now.asked, now.goal) <= AT_ONCE_SECONDS:
        found = _computed(now)
        _kept()[now.folder.digest] = found
        put(found)
    elif now.found is not None:
        put(now.found)
    else:
        jobs.submit(default_home(), KIND, now.plan, settings=now.goal.settings())
        st.session_state[AWAITED_KEY] = now.folder.digest


def _computed(now: Proposed) -> Proposal:
    prepared = cache.prepared(now.asked)
    points = finished_points(runs_directory(default_home()), now.plan)
    if points is None:
        scan = run.scan(prepared)
        while not scan.finished:
            scan.step()
        points = scan.table()
    return propose(prepared, now.plan, now.goal, points)


def stop(now: Proposed) -> None:
    """Ask the job to stop; the curves it measured stay, so that it can go on."""
    st.session_state.pop(AWAITED_KEY, None)
    jobs.cancel(now.folder)


def put(found: Proposal) -> None:
    """Put a proposal's ratios on the sliders, as one step that can be undone."""
    st.session_state.pop(AWAITED_KEY, None)
    state.regroup(edits.SLIDERS)
    state.put(found.onto(state.plan()))


def is_on_sliders(found: Proposal, plan: Plan) -> bool:
    """Return whether a plan's ratios are those of a proposal."""
    return found.onto(plan) == plan
