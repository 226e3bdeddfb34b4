"""One place for goals on Tune: where the plan stands, and ratios that reach what is wanted."""

from __future__ import annotations

import streamlit as st

from pruneviz.allocate import SCOPES
from pruneviz.figures import proposed as words
from pruneviz.figures.kit import format as fmt
from pruneviz.plan import Plan
from pruneviz.propose import Goal, Proposal
from pruneviz.propose.goal import MILLISECONDS
from pruneviz.ui.engine import fitting
from pruneviz.ui.frame import speeds
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import state
from pruneviz.ui.tune import goal_form, proposing
from pruneviz.ui.tune.proposing import ProposalJob
from pruneviz.ui.words import standing, text
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing

# What is said of a proposal that is not under way and has no result, by its job's state.
STOOD = {
    "stopped": "was stopped; Propose ratios goes on from there",
    "interrupted": "was interrupted; Propose ratios goes on from there",
    "finished": "was made, and cannot be read any more; Propose ratios makes it again",
}
MOST_BINDING = 4


def draw(view: View) -> None:
    """Draw the goal, where the plan stands, and the way to ratios that reach it."""
    goal = goal_form.chosen(view)
    now = proposing.job_of(view.plan, goal) if view.subject.data else None
    under_way = now is not None and (now.busy or proposing.is_awaited(now))
    with widgets.folded("Goal", _summary(view, goal), "goals", expanded=under_way):
        if now is None:
            _without_data(view)
            return
        asked = goal_form.row(view, goal, busy=now.busy)
        if view.possible:
            _standing(view, goal)
        with widgets.problems_here():
            if asked:
                _propose(now)
                st.rerun()
            _outcome(view.plan, now)


def _summary(view: View, goal: Goal) -> str:
    """Return the goal in a line: where the plan stands, what is wanted, or what is missing."""
    if view.subject.data is None:
        return "an amount by time; ratios need data"
    if not view.possible:
        return f"{text.escape(words.amount(goal, goal.value))} at most"
    return text.escape(_stands(view, goal)[1])


def _stands(view: View, goal: Goal) -> tuple[float, str]:
    """Return what part of a goal's budget the plan takes, and how it stands, in words."""
    if _is_timed(view, goal):
        return words.standing(goal, view.live.report, exact=view.live.exact)
    return 0.0, f"{speeds.STILL_TIMED}; the goal is {words.amount(goal, goal.value)}"


def _is_timed(view: View, goal: Goal) -> bool:
    """Return whether nothing more has to be timed to say how the plan stands beside a goal."""
    return goal.kind != MILLISECONDS or view.live.settled


def _standing(view: View, goal: Goal) -> None:
    """Draw how far the plan is from the goal: a bar with marks at it and beyond, striped there."""
    share, line = _stands(view, goal)
    names = "".join(f'<i style="left:{100 * at:g}%">{name}</i>' for at, name in words.marks())
    with st.container(key="goal-bar-beyond" if share > 1 else "goal-bar-within", gap=None):
        st.progress(words.place(share), text=text.escape(line))
        scale = f'<div class="goal-marks" aria-hidden="true">{names}</div>'
        st.markdown(scale, unsafe_allow_html=True)
    if (
        goal.kind == MILLISECONDS
        and view.live.settled
        and st.button("Measure again", key="goal-time-again", icon=":material/timer:")
    ):
        speeds.measure(view.plan)


def _propose(now: ProposalJob) -> None:
    """Propose at once, with a bar and a way to stop, or begin the job where that takes long."""
    if not proposing.is_quick(now):
        proposing.begin(now)
        return
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text="Proposing ratios …")
        # a click runs the page again, and so ends this run at its next step
        st.button("Stop", key="goal-stop-now")
    try:
        for stage in proposing.at_once(now):
            done = min(1.0, stage.done / stage.total)
            bar.progress(done, text=text.escape(f"{stage.sentence} …"))
    except ValueError:
        place.empty()  # nothing is under way beside the sentence that says why
        raise


def _outcome(plan: Plan, now: ProposalJob) -> None:
    """Draw the progress of a job, or what came of it."""
    if now.busy or proposing.is_awaited(now):
        _progress(now)
    elif now.result is not None:
        _result(plan, now.result)
    elif now.state == "failed":
        raise RefusedError(browsing.proposal_failed(now.status.trouble or ""))
    elif now.state is not None:
        st.caption(f"The proposal {STOOD[now.state]}.")


def _progress(first: ProposalJob) -> None:
    """Draw how far the job is, with Stop, and put its ratios on the sliders at its end."""

    @st.fragment(run_every=proposing.TICK_SECONDS)
    def panel() -> None:
        now = proposing.job_of(first.asked, Goal.of(first.settings))
        if not now.busy:
            if proposing.is_awaited(now) and now.result is not None:
                proposing.put(now.result)
            st.session_state.pop(proposing.AWAITED_KEY, None)
            st.rerun()
        line = standing.line(now)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(now.status.bar(), text=text.escape(line))
            if st.button("Stop", key="goal-stop", disabled=now.stopping):
                with widgets.problems_here():
                    proposing.stop(now)
                st.rerun(scope="fragment")

    panel()


def _result(plan: Plan, found: Proposal) -> None:
    """Draw what the proposal reaches, what it costs, and what is binding."""
    if not proposing.is_on_sliders(found, plan):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            line = text.escape(words.reached_line(found))
            st.caption(f"The sliders differ from the proposal: {line}.", width="stretch")
            st.button(
                "Put it on the sliders", key="goal-put", on_click=proposing.put, args=(found,)
            )
        return
    reached = text.escape(text.sentence(words.reached_line(found)))
    quality = text.escape(text.sentence(words.quality_line(found)))
    held = "; ".join(map(text.escape, found.binding[:MOST_BINDING]))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"**{reached}** {quality}")
            if held:
                st.caption(f"Limited by: {held}.")
            st.caption(text.escape(put_sentence(found)))
        with st.popover("How far to trust it", key="goal-about"):
            more = (words.how_line(found), words.predicted_line(found), *found.notes)
            st.markdown("\n".join(f"- {text.escape(text.sentence(each))}" for each in more))


def put_sentence(found: Proposal) -> str:
    """Return what a proposal sets besides the layers' own amounts."""
    scope = SCOPES.get(found.plan.scope).title
    return (
        f"It also set how it is divided among layers to “{scope}”, and Overall to the "
        f"{fmt.share(found.plan.sparsity)} that go in all; Undo takes all of it back."
    )


def _without_data(view: View) -> None:
    """Say what is missing, and offer what needs no data: an overall amount by time."""
    plan, metric = view.plan, goal_form.metric_of(view)
    why = f"Ratios are proposed by what {metric.noun} they cost, so they need data."
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{why} Choose some on Home.", width="stretch")
        with st.popover("Answer within (ms)", disabled=text.decides_amount(plan), key="tune-fit"):
            st.caption(fitting.HELP)
            allowed = st.number_input(
                "Milliseconds for one input",
                min_value=0.001,
                value=None,
                format="%.3f",
                key="tune-ms",
                placeholder="such as 0.150",
            )
            if st.button("Find the amount", key="tune-ms-go", disabled=allowed is None):
                with widgets.problems_here(), st.spinner("Pruning and timing several networks …"):
                    sparsity, said = fitting.amount(plan, float(allowed or 0))
                    state.edit(sparsity=sparsity)
                    st.toast(text.escape(text.sentence(said)), icon=":material/timer:")
                    st.rerun()
    widgets.page_link("home", "Home: choose data")
