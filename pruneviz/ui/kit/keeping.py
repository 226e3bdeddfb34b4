"""Keep a plan's network as a run: a job prunes, measures and writes what Export offers."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from pruneviz.history.folder import RunFolder
from pruneviz.jobs.job import job_of
from pruneviz.plan import Plan
from pruneviz.run import asks_for_rounds, bind
from pruneviz.ui.engine import cache, gate
from pruneviz.ui.frame import strip
from pruneviz.ui.session import state
from pruneviz.ui.words import navigate, standing, text

LOOK_SECONDS = 1.0
WAIT_WIDTH, ROW_HEIGHT = 320, 44  # pixels; the same room whatever stands there
_PARENT_KEY = "pruneviz-restored-run"
RESTORED = ":material/tune:"


def restore(plan: Plan, digest: str) -> None:
    """Make a run's plan the session's; what is kept from here on began from that run."""
    st.session_state[_PARENT_KEY] = (plan.model, digest)
    state.put(plan)
    st.toast("Every page shows this run's plan now. Undo brings yours back.", icon=RESTORED)


def parent(plan: Plan) -> str | None:
    """Return the digest of the run that was restored last, if it is about the plan's model."""
    model, digest = st.session_state.get(_PARENT_KEY, ("", None))
    return digest if model == plan.model else None


def keep(plan: Plan) -> RunFolder:
    """Begin the job that carries a plan out and keeps it, or join the one that does."""
    bound, began_from = bind(plan, cache.subject(plan)), parent(plan)
    own = began_from == bound.digest()
    return gate.submit("run", bound, parent=None if own else began_from)


def button(plan: Plan, label: str = "Keep in Runs", *, primary: bool = False) -> None:
    """Draw the button that keeps the plan's network, its progress, or where it is kept already.

    A recovery is carried out on Recover, which says what it costs, so there it leads.
    """
    folder = cache.run_folder(plan)
    job = job_of(folder)
    if job is not None and job.state == "failed":
        strip.show_error(standing.whole_line(job))
    with st.container(height=ROW_HEIGHT, border=False, vertical_alignment="center"):
        if job is not None and job.state == "finished":
            navigate.page_link("runs", "Kept in Runs", query={"run": folder.digest})
        elif job is not None and job.busy:
            _wait(folder)
        elif asks_for_rounds(plan):
            navigate.page_link("recover", "Recover: carry this plan out and keep it")
        else:
            _begin(plan, label, primary=primary)


def _begin(plan: Plan, label: str, *, primary: bool) -> None:
    kind: Literal["primary", "secondary"] = "primary" if primary else "secondary"
    if st.button(label, icon=":material/save:", key="keep-run", type=kind):
        try:
            keep(plan)
        except ValueError as error:
            strip.show_error(error)
        else:
            st.rerun()


@st.fragment(run_every=LOOK_SECONDS)
def _wait(folder: RunFolder) -> None:
    """Draw how far the run is until it is kept."""
    job = job_of(folder)
    if job is None or not job.busy:
        st.rerun()
    st.progress(
        job.status.bar(),
        text=text.escape(f"{job.title}: {standing.whole_line(job)}"),
        width=WAIT_WIDTH,
    )
