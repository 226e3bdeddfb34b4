"""The jobs panel of every page: what is under way, what ended, and a word when a job is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import streamlit as st

from pruneviz import jobs
from pruneviz.history.folder import PROPOSAL_FILE, RunFolder
from pruneviz.plan import Plan
from pruneviz.propose import Goal
from pruneviz.propose.proposal import read_proposal
from pruneviz.ui.engine import gate
from pruneviz.ui.jobs.watch import Job, Seen, watch
from pruneviz.ui.words import navigate, text
from pruneviz.ui.words.questions import QUESTIONS, query

BUSY_SECONDS, IDLE_SECONDS = 1.0, 5.0  # between two looks, while there are jobs and while not
STALE_SECONDS = 2 * IDLE_SECONDS
AT_ONCE_SECONDS = 0.2
PROPOSAL = "proposal"
TOLD_KEY = "pruneviz-endings-told"
WHERE = {
    **dict.fromkeys(QUESTIONS, ("sensitivity", "Open in Sensitivity")),
    "contest": ("methods", "Open in Methods"),
    "run": ("compare", "Open in Compare"),
    "proposal": ("tune", "Open in Tune"),
}
DISMISS_HELP = "Take it off this list. It stays on Runs, where it can be resumed."
MOST_SHOWN = 4
PANEL_WIDTH = 380  # pixels
SIGNS = {"finished": ":material/check_circle:", "failed": ":material/error:"}


def panel() -> None:
    """Draw the panel; it looks again by itself, and never runs the page around it again."""
    drawn = time.monotonic()
    busy = bool(watch().look(STALE_SECONDS).under_way)

    @st.fragment(run_every=BUSY_SECONDS if busy else IDLE_SECONDS)
    def look() -> None:
        # A page that is drawn, at each move of a slider, does with what a moment ago was seen.
        with_page = time.monotonic() - drawn < AT_ONCE_SECONDS
        seen = watch().look(STALE_SECONDS if with_page else BUSY_SECONDS / 2)
        tell(seen)
        _popover(seen)

    look()


def tell(seen: Seen) -> None:
    """Say once in each session what finished or failed since it began."""
    told = st.session_state.setdefault(TOLD_KEY, seen.last)
    for ending in seen.endings:
        if ending.number > told:
            job = ending.job
            st.toast(
                f"**{text.escape(job.title)} {job.state}**  \n{text.escape(_what(job))}"
                + (f"  \n{text.escape(job.line)}" if job.state == "failed" else ""),
                icon=SIGNS[job.state],
                duration="long",
            )
    st.session_state[TOLD_KEY] = max(told, seen.last)


def label(seen: Seen) -> str:
    """Return the panel's label: how many jobs are under way, or wait to be resumed."""
    if seen.under_way:
        return f"Jobs: {seen.under_way} under way"
    return f"Jobs: {len(seen.jobs)} interrupted" if seen.jobs else "Jobs"


def _popover(seen: Seen) -> None:
    """Draw the panel, open or not.

    One that tells when it is opened (`on_change="rerun"`) breaks the app when it closes because
    the user goes to another page: its message arrives after the page has changed.
    """
    with (
        st.popover(label(seen), key="strip-jobs", width="stretch"),
        st.container(width=PANEL_WIDTH, gap="small", key="jobs-panel"),
    ):
        if not seen.jobs:
            st.caption("Nothing is under way. Long work appears here, and goes on by itself.")
        for job in seen.jobs[:MOST_SHOWN]:
            _active(job)
        if len(seen.jobs) > MOST_SHOWN:
            st.caption(f"and {len(seen.jobs) - MOST_SHOWN} more, on Runs")
        for job in seen.recent:
            _ended(job)
        navigate.page_link("runs", "All runs")


def _active(job: Job) -> None:
    """Draw a job that is not over, with what can be done about it."""
    digest = job.folder.digest
    with st.container(gap="xxsmall", key=f"job-{digest}"):
        st.markdown(_title(job))
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.progress(job.status.bar(), text=text.escape(job.line))
            if job.under_way:
                stop = st.button("Stop", key=f"job-stop-{digest}", disabled=job.stopping)
                resume = dismiss = False
            else:
                stop = False
                resume = st.button("Resume", key=f"job-resume-{digest}")
                dismiss = st.button("Dismiss", key=f"job-dismiss-{digest}", help=DISMISS_HELP)
        if stop or resume or dismiss:
            _act(job, jobs.cancel if stop else gate.resume if resume else jobs.dismiss)


def _ended(job: Job) -> None:
    """Draw a job that is over in a line, with the way to its result."""
    digest = job.folder.digest
    page, words = WHERE.get(job.kind, ("runs", "Open in Runs"))
    with st.container(gap="xxsmall", key=f"job-{digest}"):
        st.markdown(f"{SIGNS[job.state]} {_title(job, job.state)}")
        if job.state == "failed":
            st.caption(text.escape(text.sentence(job.line)))
            navigate.page_link("runs", "Open it in Runs", query={"run": digest})
        else:
            spec = job.folder.spec()
            asked = query(job.kind, spec.settings) if spec else {}
            navigate.page_link(page, words, plan=_leads_to(job), query=asked)


def _leads_to(job: Job) -> Plan:
    """Return the plan that a job's link opens: that of a proposal has its ratios."""
    if job.kind == PROPOSAL:
        with suppress(ValueError):  # Tune proposes again
            return read_proposal(job.folder.file(PROPOSAL_FILE)).plan
    return job.plan


def _title(job: Job, ending: str = "") -> str:
    """Return a job's kind, how it ended and what it is about, as Markdown."""
    kind = f"**{text.escape(' '.join((job.title, ending)))}**"
    return f"{kind}  \n:small[:gray[{text.escape(_what(job))}]]"


def _what(job: Job) -> str:
    model = text.model_title(job.plan.model)
    if job.kind == PROPOSAL:
        return f"{_wish(job)}{model}, {text.ranking_line(job.plan)}"
    if job.kind != "run":
        return f"{model}, {text.ranking_line(job.plan)}"
    return f"{model}, {text.plan_line(job.plan, job.plan.sparsity)}"


def _wish(job: Job) -> str:
    """Return what a proposal is for, `To lose at most 1 point: `; "" where it cannot be read."""
    spec = job.folder.spec()
    with suppress(ValueError):  # a job's file that is damaged or of another version
        return f"To {Goal.of(spec.settings if spec else {}).wish}: "
    return ""


def _act(job: Job, action: Callable[[RunFolder], None]) -> None:
    """Carry out what a button asks; what goes wrong is said below it."""
    try:
        action(job.folder)
    except ValueError as error:
        st.error(text.escape(text.sentence(str(error))))
        return
    watch().look(0)
    st.rerun()
