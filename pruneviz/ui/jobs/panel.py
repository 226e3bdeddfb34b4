"""The jobs panel of every page: what is under way, what ended, and a word when a job is done."""

from __future__ import annotations

import time
from collections.abc import Callable

import streamlit as st

from pruneviz import jobs
from pruneviz.history.folder import RunFolder
from pruneviz.jobs.job import Job
from pruneviz.ui.engine import gate
from pruneviz.ui.jobs.watch import Seen, watch
from pruneviz.ui.words import navigate, standing, text

BUSY_SECONDS, IDLE_SECONDS = 1.0, 5.0  # between two looks, while there are jobs and while not
STALE_SECONDS = 2 * IDLE_SECONDS
AT_ONCE_SECONDS = 0.2
TOLD_KEY, TELLING_KEY = "pruneviz-endings-told", "pruneviz-endings-being-told"
TIMES_TOLD = 2  # a page that is drawn anew before the browser showed a word takes it along
DISMISS_HELP = "Take it off this list. It stays on Runs, where it can be resumed."
MOST_SHOWN = 4
PANEL_WIDTH = 380  # pixels
SIGNS = {"finished": ":material/check_circle:", "failed": ":material/error:"}


def panel() -> None:
    """Draw the panel; it looks again by itself, and never runs the page around it again."""
    drawn = time.monotonic()
    busy = bool(watch().latest(STALE_SECONDS).under_way)

    @st.fragment(run_every=BUSY_SECONDS if busy else IDLE_SECONDS)
    def look() -> None:
        # A page that is drawn, at each move of a slider, does with what a moment ago was seen.
        with_page = time.monotonic() - drawn < AT_ONCE_SECONDS
        seen = watch().latest(STALE_SECONDS if with_page else BUSY_SECONDS / 2)
        tell(seen)
        _popover(seen)

    look()


def tell(seen: Seen) -> None:
    """Say once in each session what finished or failed since it began.

    It is sent with two draws: a browser shows words once that come again at the same place, which
    is why those that are still being told stand in a row until all of them were sent often enough.
    """
    told = st.session_state.setdefault(TOLD_KEY, seen.last)
    telling = st.session_state.setdefault(TELLING_KEY, {})
    for ending in seen.endings:
        if ending.number > told or ending.number in telling:
            _say(ending.job)
            telling[ending.number] = telling.get(ending.number, 0) + 1
    if telling and min(telling.values()) >= TIMES_TOLD:
        telling.clear()
    st.session_state[TOLD_KEY] = max(told, seen.last)


def _say(job: Job[None]) -> None:
    line = f"  \n{text.escape(standing.whole_line(job))}" if job.state == "failed" else ""
    st.toast(
        f"**{text.escape(job.title)} {job.state}**  \n{text.escape(_what(job))}{line}",
        icon=SIGNS[str(job.state)],
        duration="long",
    )


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


def _active(job: Job[None]) -> None:
    """Draw a job that is not over, with what can be done about it."""
    digest = job.folder.digest
    with st.container(gap="xxsmall", key=f"job-{digest}"):
        st.markdown(_title(job))
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.progress(job.status.bar(), text=text.escape(standing.whole_line(job)))
            if job.busy:
                stop = st.button("Stop", key=f"job-stop-{digest}", disabled=job.stopping)
                resume = dismiss = False
            else:
                stop = False
                resume = st.button("Resume", key=f"job-resume-{digest}")
                dismiss = st.button("Dismiss", key=f"job-dismiss-{digest}", help=DISMISS_HELP)
        if stop or resume or dismiss:
            _act(job, jobs.cancel if stop else gate.resume if resume else jobs.dismiss)


def _ended(job: Job[None]) -> None:
    """Draw a job that is over in a line, with the way to its result."""
    digest = job.folder.digest
    with st.container(gap="xxsmall", key=f"job-{digest}"):
        st.markdown(f"{SIGNS[str(job.state)]} {_title(job, str(job.state))}")
        if job.state == "failed":
            st.caption(text.escape(text.sentence(standing.whole_line(job))))
            navigate.page_link("runs", "Open it in Runs", query={"run": digest})
        else:
            link = job.link
            navigate.page_link(link.page, link.label, plan=link.plan, query=link.query)


def _title(job: Job[None], ending: str = "") -> str:
    """Return a job's kind, how it ended and what it is about, as Markdown."""
    kind = f"**{text.escape(' '.join((job.title, ending)))}**"
    return f"{kind}  \n:small[:gray[{text.escape(_what(job))}]]"


def _what(job: Job[None]) -> str:
    """Return what a job is about: what it is for, the model, what goes and how it is ranked."""
    model, plan = text.model_title(job.plan.model), job.plan
    line = text.plan_line(plan, plan.sparsity) if job.asks_amount else text.ranking_line(plan)
    return "".join([f"{job.purpose}: " * bool(job.purpose), f"{model}, {line}"])


def _act(job: Job[None], action: Callable[[RunFolder], None]) -> None:
    """Carry out what a button asks; what goes wrong is said below it."""
    try:
        action(job.folder)
    except ValueError as error:
        st.error(text.escape(text.sentence(str(error))))
        return
    watch().latest(0)
    st.rerun()
