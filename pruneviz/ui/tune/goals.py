"""One place for goals on Tune: where the plan stands, and ratios that reach what is wanted."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pruneviz.allocate import SCOPES
from pruneviz.figures import proposed as words
from pruneviz.figures.kit import format as fmt
from pruneviz.plan import Plan
from pruneviz.propose import GOALS, SAVES, Goal, Proposal
from pruneviz.propose.goal import ACCURACY, FRACTIONS, MACS, MEGABYTES, MILLISECONDS, PARAMETERS
from pruneviz.ui.engine import fitting
from pruneviz.ui.frame import speeds
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import state
from pruneviz.ui.tune import proposing
from pruneviz.ui.tune.proposing import ProposalJob
from pruneviz.ui.words import standing, text
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing

FIRST = Goal(ACCURACY, 1.0)
LABELS = {
    ACCURACY: "Lose at most (points)",
    MEGABYTES: "Fit into (MB)",
    MACS: "Keep at most (% of the MACs)",
    PARAMETERS: "Keep at most (% of the parameters)",
    MILLISECONDS: "Answer within (ms)",
}
UNITS = {
    ACCURACY: "Points",
    MEGABYTES: "MB",
    MACS: "% of the MACs",
    PARAMETERS: "% of the parameters",
    MILLISECONDS: "ms, one input",
}
# What is said of a proposal that is not under way and has no result, by its job's state.
STOOD = {
    "stopped": "was stopped; Propose ratios goes on from there",
    "interrupted": "was interrupted; Propose ratios goes on from there",
    "finished": "was made, and cannot be read any more; Propose ratios makes it again",
}
HELP = (
    "Proposes a sparsity for each layer from its sensitivity curve, checks all of them together by "
    "an evaluation, and puts them on the sliders. Locked layers and units stay; undo takes it back."
)
NO_DATA = "Ratios are proposed by what accuracy they cost, so they need data. Choose some on Home."
MOST_BINDING = 4


def draw(view: View) -> None:
    """Draw the goal, where the plan stands, and the way to ratios that reach it."""
    goal = chosen()
    now = proposing.job_of(view.plan, goal) if view.subject.data else None
    under_way = now is not None and (now.busy or proposing.is_awaited(now))
    with widgets.folded("Goal", _summary(view, goal), "goals", expanded=under_way):
        if now is None:
            _without_data(view.plan)
            return
        asked = _row(view, goal, now)
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


def chosen() -> Goal:
    """Return the session's goal; the first one where the link holds none that can be."""
    try:
        return Goal.parse(state.goal()) if state.goal() else FIRST
    except ValueError:
        return FIRST


def _row(view: View, goal: Goal, now: ProposalJob) -> bool:
    """Draw the goal's kind and value and the button; return whether it was pressed."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Goal",
            list(GOALS),
            index=list(GOALS).index(goal.kind),
            format_func=LABELS.__getitem__,
            key=widgets.follow("goal-kind", goal.kind),
            on_change=widgets.changes("goal-kind", partial(_choose_kind, view)),
            width=270,
        )
        _value(goal)
        if goal.kind == ACCURACY:
            st.selectbox(
                "Save most",
                list(SAVES),
                index=list(SAVES).index(goal.save),
                format_func={PARAMETERS: "parameters", MACS: "MACs"}.__getitem__,
                key=widgets.follow("goal-save", goal.save),
                on_change=widgets.changes(
                    "goal-save", lambda save: _choose(goal.kind, goal.value, save)
                ),
                width=150,
            )
        return st.button(
            "Propose ratios",
            type="primary",
            key="goal-propose",
            help=HELP,
            disabled=now.busy,
        )


def _value(goal: Goal) -> None:
    """Draw the number field of a goal; parts are in percent."""
    scale = 100.0 if goal.kind in FRACTIONS else 1.0
    key = f"goal-value-{goal.kind}"
    shown = float(f"{scale * goal.value:.6g}")
    size = shown / 10 if shown > 0 else 1.0
    steps = {ACCURACY: 0.5, **dict.fromkeys(FRACTIONS, 5.0)}
    st.number_input(
        UNITS[goal.kind],
        min_value=0.0,
        max_value=100.0 if goal.kind in (*FRACTIONS, ACCURACY) else None,
        value=shown,
        step=steps.get(goal.kind, float(f"{size:.1g}")),
        format="%g",
        key=widgets.follow(key, shown),
        on_change=widgets.changes(key, lambda value: _choose(goal.kind, value / scale, goal.save)),
        width=210,
    )


def _choose(kind: str, value: float, save: str) -> None:
    """Make this the goal, or say why it cannot be one."""
    try:
        state.choose_goal(Goal(kind, value, save).text())
    except ValueError as error:
        state.complain(str(error))


def _choose_kind(view: View, kind: str) -> None:
    """Take another kind of goal, with a value that this network does not meet yet."""
    goal = words.usual(kind, view.live.report) if view.possible else Goal(kind, GOALS[kind].usual)
    state.choose_goal(goal.text())


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
    accuracy = text.escape(text.sentence(words.accuracy_line(found)))
    held = "; ".join(map(text.escape, found.binding[:MOST_BINDING]))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"**{reached}** {accuracy}")
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


def _without_data(plan: Plan) -> None:
    """Say what is missing, and offer what needs no data: an overall amount by time."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(NO_DATA, width="stretch")
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
