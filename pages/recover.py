"""Recover: how much comes back of what pruning cost?"""

import streamlit as st

from pruneviz.figures import recovery as figures
from pruneviz.plan import Part, Plan
from pruneviz.recovery.frozen import frozen_note
from pruneviz.ui.engine import cache
from pruneviz.ui.frame import frame
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.recover import costs, outcome, recovering
from pruneviz.ui.recover.choices import recipe, settings
from pruneviz.ui.recover.costs import Measuring
from pruneviz.ui.recover.recovering import RecoveryJob
from pruneviz.ui.session import recipes
from pruneviz.ui.words import text
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing


def controls(view: View, now: RecoveryJob, problem: str, measured: Measuring | None) -> None:
    """Draw what it costs or how far it is, and what can be done about it."""
    with st.container(horizontal=True, vertical_alignment="center", key="recover-controls"):
        with st.container(height=62, border=False, vertical_alignment="center"):
            if now.state is None:
                st.markdown("" if problem else outcome.price(now.asked, measured))
            else:
                st.progress(now.status.bar(), text=text.escape(recovering.line(now)))
        pressed = buttons(view, now, problem, measured)
    draft(view.plan, now)
    with widgets.problems_here():
        if pressed:
            act(now, pressed)
        if now.state == "failed":
            raise RefusedError(browsing.job_failed(now.status.trouble or ""))


def buttons(view: View, now: RecoveryJob, problem: str, measured: Measuring | None) -> str:
    """Draw what can be done now; return what was pressed, "" for nothing."""
    pressed = ""
    for index, (label, disabled) in enumerate(
        outcome.offered(now, problem, measured, adopted=view.plan == now.asked).items()
    ):
        if st.button(
            label,
            key=f"recover-{outcome.KEYS.get(label, 'switch')}",
            disabled=disabled,
            type="primary" if index == 0 and not now.busy else "secondary",
            help=outcome.HELP.get(label),
        ):
            pressed = label
    return pressed


def act(now: RecoveryJob, pressed: str) -> None:
    """Carry out what was pressed, and draw the page again."""
    if pressed == outcome.MEASURE:
        costs.measure(now.asked)
    elif pressed == outcome.STOP:
        recovering.stop(now)
    elif pressed in (outcome.KEEP, outcome.KEEP_STOPPED):
        recovering.keep(now)
    else:
        if pressed != outcome.USE:
            recovering.begin(now)
        recipes.put(now.asked)
    st.rerun()


def draft(plan: Plan, now: RecoveryJob) -> None:
    """Say whether what is chosen is in the plan or a draft, and offer the way back."""
    with st.container(horizontal=True, wrap=False, key="recover-draft"):
        st.caption(text.escape(outcome.draft(plan, now)), width="stretch")
        if plan.recovery and plan != now.asked:
            st.button(
                "Back to the plan's recovery", type="tertiary", icon=":material/undo:",
                key="recover-withdraw", on_click=recipes.withdraw,
            )  # fmt: skip


def picture(view: View, now: RecoveryJob, more: tuple[RecoveryJob, ...]) -> None:
    """Draw the curve so far beside the original's level."""
    data = view.subject.data
    assert data is not None  # the page looked
    found = recovering.levels(now, view.original_quality)
    where = recovering.course(now, len(data.x))
    chart = figures.recovery(recovering.curves(now, more), found, where)
    widgets.figure(theme.fit(chart), "recover-figure")


def outcomes(now: RecoveryJob, more: tuple[RecoveryJob, ...]) -> None:
    """Draw a finished recovery's numbers, and those of other seeds."""
    if now.result.report and now.result.report.recovery:
        st.markdown(outcome.table(now.result.report))
        st.caption(text.escape(outcome.circumstances(now.result.report)))
        for note in cache.notes(now.asked):
            st.caption(text.told(note))
        seeds(now, more)


def seeds(now: RecoveryJob, more: tuple[RecoveryJob, ...]) -> None:
    """Draw what other seeds reach, or offer to try them."""
    if more:
        st.markdown(outcome.seeds(now, more))
    if len(more) == recovering.MORE_SEEDS or not now.result.epochs:
        return
    label = f"Repeat with {recovering.MORE_SEEDS} more seeds"
    with widgets.problems_here():
        if st.button(label, key="recover-seeds", help=outcome.SEEDS_HELP):
            recovering.begin_seeds(now.asked)
            st.rerun()


def course(view: View, plan: Plan, problem: str, measured: Measuring | None) -> None:
    """Show the recovery as far as it is, and look again while something is under way."""
    first, siblings = recovering.job_of(plan), recovering.others(plan)
    state = [one.state for one in (first, *siblings)]
    measuring = measured is not None and measured.busy

    @st.fragment(run_every=recovering.look_again(first, siblings, measuring=measuring))
    def panel() -> None:
        with widgets.problems_here():
            now, more = recovering.job_of(plan), recovering.others(plan)
            if recovering.finish_keeping(now):
                st.rerun()
            controls(view, now, problem, measured)
            picture(view, now, more)
            outcomes(now, more)
            ended = measuring and measured is not None and not measured.busy
            if ended or [one.state for one in (now, *more)] != state:
                st.rerun()

    panel()
    onward(first)


def onward(now: RecoveryJob) -> None:
    """Draw where to go next, and earlier recoveries of the same pruning."""
    if now.finished:
        with st.container(horizontal=True):
            widgets.page_link("compare", "Compare: what changed in the answers?")
            widgets.page_link("runs", "Runs: everything that was computed")
    found = recovering.earlier(now)
    if found:
        st.subheader("Earlier recoveries of the same pruning", anchor=False)
        st.markdown(outcome.comparison_table(found))
    with st.container(horizontal=True):
        for number, one in enumerate(found, 1):
            st.button(
                f"Show {number}",
                key=f"recover-show-{one.row.digest}",
                on_click=recipes.choose_of,
                args=(one.plan,),
            )


def untouched() -> None:
    """Say that nothing is removed, and what can be done here all the same."""
    widgets.empty(
        "Nothing is removed yet, so there is nothing to win back: Tune decides what goes. "
        "Recalibrating the original shows what recalibration does by itself."
    )
    widgets.page_link("tune", "Tune: remove something")


def cockpit(view: View) -> None:
    """Draw the choices beside their cost and their course."""
    removed = cache.live(view.plan.without(Part.RECOVERY)).report.sparsity.removed
    plan = recovering.proposed(view.plan, removed=removed)
    if not removed:
        untouched()
    problem = costs.problem(plan)
    measured = None if problem else costs.measured(plan)
    grid = st.grid(2, min_column_width=420, gap="medium")
    with grid.cell():
        recipe(plan, view.subject, problem)
        settings(plan, view.subject, measured, problem)
        if view.subject.data and view.subject.data.train_note:
            st.caption(text.told(view.subject.data.train_note))
        if frozen := frozen_note(view.subject.model, view.subject.frozen):
            st.caption(text.escape(str(frozen)))
        if view.plan.recovery:
            st.button(
                "Take the recovery out of the plan", type="tertiary", icon=":material/close:",
                key="recover-drop", on_click=recipes.drop,
            )  # fmt: skip
    with grid.cell():
        course(view, plan, problem, measured)


with frame.page("Recover", outcome.question) as view:
    if view.subject.data is None:
        widgets.empty(
            "Winning accuracy back needs data with labels. Choose some on Home."
            if view.subject.task.labelled
            else "Recovering needs inputs with their targets. Choose data on Home."
        )
        widgets.page_link("home", "Home: choose data")
    else:
        cockpit(view)
