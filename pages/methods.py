"""Methods: which way of ranking fits this network, and what does each way remove?"""

import streamlit as st

from pruneviz.analyses.comparison import check_comparable
from pruneviz.analyses.presets import PRESETS, is_for, preset_plan
from pruneviz.criteria import CRITERIA
from pruneviz.figures import comparison as figures
from pruneviz.figures import removal
from pruneviz.ui import comparisons
from pruneviz.ui.comparisons import MethodJob
from pruneviz.ui.frame import frame
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.session import state
from pruneviz.ui.words import text

SWITCH_WIDTH = 190  # pixels
MADE = "pruneviz-preset"  # which preset made the plan of which digest
PRESETS_SAY = (
    "Each button makes a plan: what is ranked and how, what stays, and what is trained afterwards. "
    "The amount stays as it is, or is 25 % where nothing goes yet. Undo takes it back."
)


def chosen(view: View) -> list[str]:
    """Draw which criteria are compared; return their names."""
    st.subheader("Method comparison", anchor=False)
    st.caption(text.escape(text.comparison_sentence(view.plan)))
    key = "methods-chosen"
    if key not in st.session_state:
        st.session_state[key] = comparisons.first_chosen(view.plan)
    offered = comparisons.offered(view.plan)
    st.session_state[key] = [name for name in st.session_state[key] if name in offered]
    names: list[str] = st.multiselect(
        "Methods to compare",
        offered,
        key=key,
        format_func=lambda name: CRITERIA.get(name).title,
        max_selections=8,
    )
    return names


def controls(methods: list[MethodJob]) -> None:
    """Draw progress and the switch to begin, to go on, or to stop."""
    busy = any(method.busy for method in methods)
    left = any(map(comparisons.is_open, methods))
    with st.container(horizontal=True, vertical_alignment="center", key="methods-controls"):
        st.progress(comparisons.fraction(methods), text=text.escape(comparisons.line(methods)))
        stop = busy and st.button("Stop", key="methods-stop", width=SWITCH_WIDTH)
        go = not busy and st.button(
            "Measure", key="methods-go", width=SWITCH_WIDTH, disabled=not left
        )
    with widgets.problems_here():
        if stop:
            comparisons.stop(methods)
        elif go:
            comparisons.begin(methods)
        for sentence in comparisons.failures(methods):
            st.warning(text.escape(text.sentence(sentence)))
    if stop or go:
        st.rerun()


def results(view: View, methods: list[MethodJob]) -> None:
    """Draw the curves and the numbers to take away."""
    tables = {comparisons.title(each): each.result for each in methods if len(each.result)}
    metric = view.subject.metrics[0]
    figure = figures.curves(tables, metric, view.original_quality, len(methods))
    widgets.figure(theme.fit(figure), "methods-figure")
    if not tables:
        return
    table, alt = comparisons.values(methods, metric), f"{metric.title} by method and amount"
    st.dataframe(table, hide_index=True, alt=alt)
    st.download_button(
        "Download as CSV",
        comparisons.points(methods).to_csv(index=False),
        "methods.csv",
        "text/csv",
        key="methods-csv",
        icon=":material/download:",
        on_click="ignore",
    )


def comparison(view: View) -> None:
    """Show the comparison as far as it is, and look again while a process works on it."""
    names = chosen(view)
    if not names:
        widgets.empty("Choose one method or more above.")
        return
    busy = any(method.busy for method in comparisons.jobs_of(view.plan, names))

    @st.fragment(run_every=comparisons.TICK_SECONDS if busy else None)
    def panel() -> None:
        methods = comparisons.jobs_of(view.plan, names)
        controls(methods)
        results(view, methods)
        if any(method.busy for method in methods) != busy:
            st.rerun()

    panel()


def presets(view: View) -> None:
    """Draw published ways as buttons, each of which makes its plan; for language models alone."""
    if not is_for(view.subject):
        return
    st.subheader("A published way as a whole", anchor=False)
    st.caption(PRESETS_SAY)
    made = st.session_state.get(MADE)
    with st.container(horizontal=True):
        for entry in PRESETS:
            in_use = made == (entry.name, view.plan.digest())
            pressed = st.button(
                entry.title,
                key=f"methods-preset-{entry.name}",
                icon=":material/check:" if in_use else ":material/auto_fix_high:",
                disabled=in_use,
                help=widgets.about(entry),
            )
            if pressed:
                with st.spinner("Making the plan …"), widgets.problems_here():
                    plan = preset_plan(entry.name, view.subject, view.plan)
                    st.session_state[MADE] = (entry.name, plan.digest())
                    state.put(plan)
                    st.rerun()
    if made and made[1] == view.plan.digest():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("The plan is made; nothing is trained yet.", width="content")
            widgets.page_link("recover", "Recover: train what is left")


def what_goes() -> None:
    """Draw what each granularity takes out of one small layer."""
    st.subheader("What each way of removing takes", anchor=False)
    st.caption(removal.CAPTION)
    widgets.figure(theme.fit(removal.examples(comparisons.what_goes())), "methods-removal")


with frame.page("Methods", "Which way of ranking fits this network?") as view:
    if view.subject.data is None:
        by = view.subject.metrics[0].noun
        widgets.empty(f"Methods are compared by {by}, so they need data. Choose some on Home.")
        widgets.page_link("home", "Home: choose data")
    else:
        with widgets.problems_here():
            check_comparable(view.plan)
            comparison(view)
    presets(view)
    what_goes()
    with st.expander("Every way of ranking, with its formula, its source and what it costs"):
        st.dataframe(comparisons.about_criteria(), hide_index=True, alt="All criteria")
