"""A proposal as Tune sees it: computed at once where that is quick, else by a job."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

import streamlit as st

from pruneviz import jobs
from pruneviz.analyses import scans
from pruneviz.history.folder import PROPOSAL_FILE, RunFolder, State, runs_directory
from pruneviz.home import default_home
from pruneviz.jobs.job import Job
from pruneviz.jobs.kinds import sensitivity
from pruneviz.plan import Plan
from pruneviz.propose import (
    Goal,
    Proposal,
    ProposalSearch,
    finished_points,
    read_proposal,
)
from pruneviz.propose.goal import MILLISECONDS
from pruneviz.sensitivity import Scan
from pruneviz.stepwise import Stepwise
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.keys import asked_key
from pruneviz.ui.jobs import ask
from pruneviz.ui.sensitivity import every_level, scanning
from pruneviz.ui.session import state

log = logging.getLogger(__name__)
KIND = "proposal"
TICK_SECONDS = 0.5
AT_ONCE_SECONDS = 4.0  # what takes longer by the original's speed is a job
EVALUATIONS = 50  # under a goal of a loss, about; under the others:
FEW_EVALUATIONS, TIMED_PASSES = 6, 2000
STEP_SECONDS = 0.05  # to prune and count beside the evaluation, about
AWAITED_KEY = "pruneviz-proposal-awaited"


ProposalJob = Job[Proposal | None]


def job_of(plan: Plan, goal: Goal) -> ProposalJob:
    """Return how far the proposal for a plan's locks and methods and a goal is."""
    found = ask.job_of(plan, KIND, goal.settings(), _read)
    kept = next(iter(_kept(found.plan, found.folder.digest)), None)
    return replace(found, result=kept or found.result)


def is_awaited(now: ProposalJob) -> bool:
    """Return whether this session asked for it and has not put it on the sliders yet."""
    return bool(st.session_state.get(AWAITED_KEY) == now.folder.digest)


@cached(asked_key, most=64)
def _kept(plan: Plan, digest: str) -> list[Proposal]:
    """Return where a proposal that is computed at once is kept; it is empty until then."""
    return []


def _read(folder: RunFolder, state: State | None) -> Proposal | None:
    if state == "finished":
        with suppress(ValueError):  # it is computed again when it is asked for
            return read_proposal(folder.file(PROPOSAL_FILE))
    return None


def is_quick(now: ProposalJob) -> bool:
    """Return whether a proposal is there already, or is made while the reader waits for it."""
    return (
        _reached(now) is not None
        or expected_seconds(now.asked, Goal.of(now.settings)) <= AT_ONCE_SECONDS
    )


def expected_seconds(plan: Plan, goal: Goal) -> float:
    """Return how long a proposal takes by the original's speed, curves that are missing too."""
    scan, original = scanning.scan_of(plan, every_level.KIND, {}), cache.original(plan)
    prepared = cache.prepared(plan)
    data = prepared.subject.data
    inputs = len(data.x) + len(data.calibration_x) if data else 0
    passes = inputs * (EVALUATIONS if goal.metric else FEW_EVALUATIONS)
    passes += TIMED_PASSES if goal.kind == MILLISECONDS else 0
    steps = len(prepared.units)
    if not scan.whole:
        points = every_level.points(scan)
        passes += points * scanning.samples(scan)
        steps += points
    return passes * original.seconds_per_input + steps * STEP_SECONDS


def _reached(now: ProposalJob) -> Proposal | None:
    """Return what was found; nothing where a time left it undecided, to be measured again."""
    return now.result if now.result is not None and now.result.is_reached else None


def at_once(now: ProposalJob) -> Iterator[Stepwise]:
    """Propose while the reader waits, and put the ratios on the sliders.

    ValueError where the goal cannot be reached.
    """
    found = _reached(now)
    if found is None:
        prepared = cache.prepared(now.asked)
        points = finished_points(runs_directory(default_home()), now.plan)
        curves = scans.scan(prepared) if points is None else points
        keep = partial(_keep, now.plan)
        search = ProposalSearch(prepared, now.plan, Goal.of(now.settings), curves, keep)
        while not search.finished:
            search.step()
            yield search
        found = search.result()
        _kept(now.plan, now.folder.digest)[:] = [found]
    put(found)


def _keep(plan: Plan, scan: Scan) -> None:
    """Keep a scan for everybody; where nothing can be written, no one but this session has it."""
    try:
        sensitivity.keep(default_home(), plan, scan)
    except ValueError as error:
        log.warning("the curves are not kept: %s", error)


def begin(now: ProposalJob) -> None:
    """Begin the job, which this session waits for; ValueError where it may not run."""
    ask.begin(now)
    st.session_state[AWAITED_KEY] = now.folder.digest


def stop(now: ProposalJob) -> None:
    """Ask the job to stop; the curves it measured stay, so that it can go on."""
    st.session_state.pop(AWAITED_KEY, None)
    jobs.cancel(now.folder)


def put(found: Proposal) -> None:
    """Put a proposal's ratios on the sliders, as one step that can be undone."""
    st.session_state.pop(AWAITED_KEY, None)
    state.put(found.onto(state.plan()))


def is_on_sliders(found: Proposal, plan: Plan) -> bool:
    """Return whether a plan's ratios are those of a proposal."""
    return found.onto(plan) == plan
