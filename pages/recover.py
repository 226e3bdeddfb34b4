"""Recover: how much accuracy comes back?"""

from functools import partial

import streamlit as st

from pruneviz.figures import recovery as figures
from pruneviz.figures.kit import format as fmt
from pruneviz.plan import ONE_SHOT, Part, Plan, RecoveryStep
from pruneviz.recovery import RECOVERIES, SCHEDULES
from pruneviz.recovery.frozen import frozen_note
from pruneviz.recovery.recipes import PRESETS, RECIPES
from pruneviz.recovery.rounds import EPOCHS, STOP_AFTER
from pruneviz.recovery.schedules import ROUNDS
from pruneviz.registry import Parameter
from pruneviz.ui.engine import cache
from pruneviz.ui.frame import frame
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.recover import costs, outcome, recovering
from pruneviz.ui.recover.costs import Measuring
from pruneviz.ui.recover.recovering import RecoveryJob
from pruneviz.ui.session import recipes
from pruneviz.ui.words import text

SHOWN = (EPOCHS, "learning_rate")  # the parameters that most people move; the others are folded


def recipe(plan: Plan, problem: str) -> None:
    """Draw the choice of a recipe, and what its steps do."""
    chosen, key = recipes.chosen(plan), "recover-recipe"
    names = [*RECIPES.names(), *[recipes.OTHER] * (chosen == recipes.OTHER)]
    st.radio(
        "How to win accuracy back",
        names,
        index=names.index(chosen),
        format_func=lambda name: (
            RECIPES.get(name).title if name != recipes.OTHER else "As the plan says"
        ),
        captions=[
            RECIPES.get(name).sentence
            if name != recipes.OTHER
            else text.escape(recipes.words(plan))
            for name in names
        ],
        key=widgets.follow(key, chosen),
        on_change=widgets.changes(key, recipes.choose),
    )
    if problem:
        st.warning(text.escape(text.sentence(problem)))
    methods = dict.fromkeys(step.method for step in plan.recovery)
    with st.container(horizontal=True, wrap=False, gap="xsmall"):
        sentences = [RECOVERIES.get(name).sentence for name in methods]
        st.caption(text.escape(" ".join(sentences)), width="stretch")
        widgets.about_all(RECOVERIES)


def settings(plan: Plan, measured: Measuring | None, problem: str) -> None:
    """Draw the settings of the plan's schedule and of its recoveries, the rare ones folded."""
    if plan.schedule != ONE_SHOT:
        rounds(plan)
    folded: list[tuple[int, RecoveryStep, Parameter]] = []
    for index, step in enumerate(plan.recovery):
        parameters = [p for p in RECOVERIES.get(step.method).parameters if p.name != STOP_AFTER]
        with st.container(horizontal=True, vertical_alignment="bottom"):
            for parameter in (p for p in parameters if p.name in SHOWN):
                field(plan, index, step, parameter)
        folded += [(index, step, p) for p in parameters if p.name not in SHOWN]
    if recipes.epochs_asked(plan):
        presets(plan, measured, problem)
    with st.expander("More settings", key="recover-more"), st.grid(2, min_column_width=180):
        for index, step, parameter in folded:
            with st.container():
                field(plan, index, step, parameter)


def field(plan: Plan, index: int, step: RecoveryStep, parameter: Parameter) -> None:
    """Draw one parameter of a recovery step."""
    widgets.parameter(
        parameter,
        f"recover-{index}-{step.method}-{parameter.name}",
        recipes.parameters_of(step)[parameter.name],
        partial(recipes.set_parameter, index, parameter.name),
    )


def rounds(plan: Plan) -> None:
    """Draw in how many rounds it is pruned, and by which formula."""
    names = [name for name in SCHEDULES.names() if name != ONE_SHOT]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "How to divide it among rounds",
            names,
            index=names.index(plan.schedule),
            format_func=lambda name: SCHEDULES.get(name).title,
            key=widgets.follow("recover-schedule", plan.schedule),
            on_change=widgets.changes("recover-schedule", recipes.set_schedule),
            help=SCHEDULES.get(plan.schedule).sentence,
        )
        widgets.parameter(ROUNDS, "recover-rounds", recipes.rounds(plan), recipes.set_rounds)


def presets(plan: Plan, measured: Measuring | None, problem: str) -> None:
    """Draw the times to choose from, each with the epochs that fit, or why none can be chosen."""
    found = measured.cost if measured else None
    with st.container(horizontal=True, vertical_alignment="center", key="recover-presets"):
        st.caption(outcome.fitting(measured), width="content")
        fits = {
            name: costs.epochs_within(found, plan, seconds) if found else 0
            for name, seconds in PRESETS.items()
        }
        for name, epochs in fits.items():
            st.button(
                name,
                key=f"recover-preset-{name}",
                disabled=epochs < recipes.rounds(plan),
                help=fmt.plural(epochs, "epoch") if found else None,
                on_click=recipes.set_epochs,
                args=(epochs,),
            )
    why = outcome.NOT_POSSIBLE if problem else outcome.why_not(plan, measured, fits)
    if why:
        st.caption(text.escape(why))


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
            raise ValueError(now.status.error or "it failed, and its log says where")


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
    found = recovering.levels(now, view.original_accuracy)
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
    first, siblings = recovering.look(plan), recovering.others(plan)
    state = [one.state for one in (first, *siblings)]
    measuring = measured is not None and measured.busy

    @st.fragment(run_every=recovering.look_again(first, siblings, measuring=measuring))
    def panel() -> None:
        with widgets.problems_here():
            now, more = recovering.look(plan), recovering.others(plan)
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
        st.markdown(outcome.beside([(one.plan, one.row) for one in found]))
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
        recipe(plan, problem)
        settings(plan, measured, problem)
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


with frame.page("Recover", "How much accuracy comes back?") as view:
    if view.subject.data is None:
        widgets.empty("Winning accuracy back needs data with labels. Choose some on Home.")
        widgets.page_link("home", "Home: choose data")
    else:
        cockpit(view)
