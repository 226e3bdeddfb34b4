"""A proposal as Tune sees it: computed at once where that is quick, else by a job."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import streamlit as st

from pruneviz import jobs, run
from pruneviz.analyses import scans
from pruneviz.history.folder import (
    PROPOSAL_FILE,
    UNDER_WAY,
    RunFolder,
    State,
    Status,
    run_digest,
    runs_directory,
)
from pruneviz.home import default_home
from pruneviz.jobs.kinds import sensitivity
from pruneviz.plan import Plan
from pruneviz.propose import (
    Goal,
    Proposal,
    ProposalSearch,
    finished_points,
    proposal_plan,
    read_proposal,
)
from pruneviz.propose.goal import ACCURACY, MILLISECONDS
from pruneviz.sensitivity import Scan
from pruneviz.stepwise import Stepwise
from pruneviz.ui.engine import cache, gate
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.keys import asked_key
from pruneviz.ui.sensitivity import every_level, scanning
from pruneviz.ui.session import edits, state

log = logging.getLogger(__name__)
KIND = "proposal"
TICK_SECONDS = 0.5
AT_ONCE_SECONDS = 4.0  # what takes longer by the original's speed is a job
EVALUATIONS = {ACCURACY: 50}  # about; of the other goals:
FEW_EVALUATIONS, TIMED_PASSES = 6, 2000
STEP_SECONDS = 0.05  # to prune and count beside the evaluation, about
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
        stopping=folder.stopping(now),
        found=next(iter(_kept(bound, goal)), None) or _read(folder, now),
    )


@cached(asked_key, most=64)
def _kept(plan: Plan, goal: Goal) -> list[Proposal]:
    """Return where a proposal that is computed at once is kept; it is empty until then."""
    return []


def _read(folder: RunFolder, now: State | None) -> Proposal | None:
    if now != "finished":
        return None
    try:
        return read_proposal(folder.file(PROPOSAL_FILE))
    except ValueError:  # it is computed again when it is asked for
        return None


def is_quick(now: Proposed) -> bool:
    """Return whether a proposal is there already, or is made while the reader waits for it."""
    return _reached(now) is not None or expected_seconds(now.asked, now.goal) <= AT_ONCE_SECONDS


def expected_seconds(plan: Plan, goal: Goal) -> float:
    """Return how long a proposal takes by the original's speed, curves that are missing too."""
    scan, original = scanning.look(plan, every_level.KIND, {}), cache.original(plan)
    prepared = cache.prepared(plan)
    data = prepared.subject.data
    inputs = len(data.x) + len(data.calibration_x) if data else 0
    passes = inputs * EVALUATIONS.get(goal.kind, FEW_EVALUATIONS)
    passes += TIMED_PASSES if goal.kind == MILLISECONDS else 0
    steps = len(prepared.units)
    if not scan.finished:
        points = every_level.points(scan)
        passes += points * scan.samples
        steps += points
    return passes * original.seconds_per_input + steps * STEP_SECONDS


def _reached(now: Proposed) -> Proposal | None:
    """Return what was found; nothing where a time left it undecided, to be measured again."""
    return now.found if now.found is not None and now.found.is_reached else None


def at_once(now: Proposed) -> Iterator[Stepwise]:
    """Propose while the reader waits, and put the ratios on the sliders.

    ValueError where the goal cannot be reached.
    """
    found = _reached(now)
    if found is None:
        prepared = cache.prepared(now.asked)
        points = finished_points(runs_directory(default_home()), now.plan)
        curves = scans.scan(prepared) if points is None else points
        keep = partial(_keep, now.plan)
        search = ProposalSearch(prepared, now.plan, now.goal, curves, keep)
        while not search.finished:
            search.step()
            yield search
        found = search.result()
        _kept(now.plan, now.goal)[:] = [found]
    put(found)


def _keep(plan: Plan, scan: Scan) -> None:
    """Keep a scan for everybody; where nothing can be written, no one but this session has it."""
    try:
        sensitivity.keep(default_home(), plan, scan)
    except ValueError as error:
        log.warning("the curves are not kept: %s", error)


def begin(now: Proposed) -> None:
    """Begin the job, which this session waits for; ValueError where it may not run."""
    gate.submit(KIND, now.plan, settings=now.goal.settings())
    st.session_state[AWAITED_KEY] = now.folder.digest


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
