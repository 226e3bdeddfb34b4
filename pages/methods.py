"""Methods: which way of ranking fits this network, and what does each way remove?"""

import streamlit as st

from pruneviz.analyses.comparison import check_comparable
from pruneviz.criteria import CRITERIA
from pruneviz.figures import comparison as figures
from pruneviz.figures import removal
from pruneviz.ui import comparisons
from pruneviz.ui.comparisons import Entrant
from pruneviz.ui.frame import frame
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.words import text

SWITCH_WIDTH = 190  # pixels


def chosen(view: View) -> list[str]:
    """Draw which criteria are compared; return their names."""
    st.subheader("Method comparison", anchor=False)
    st.caption(text.escape(text.contest_sentence(view.plan)))
    key = "methods-chosen"
    if key not in st.session_state:
        st.session_state[key] = comparisons.first_chosen(view.plan)
    names: list[str] = st.multiselect(
        "Methods to compare",
        CRITERIA.names(),
        key=key,
        format_func=lambda name: CRITERIA.get(name).title,
        max_selections=8,
    )
    return names


def controls(entrants: list[Entrant]) -> None:
    """Draw progress and the switch to begin, to go on, or to stop."""
    busy = any(entrant.busy for entrant in entrants)
    left = any(entrant.open for entrant in entrants)
    with st.container(horizontal=True, vertical_alignment="center", key="methods-controls"):
        st.progress(comparisons.fraction(entrants), text=text.escape(comparisons.line(entrants)))
        stop = busy and st.button("Stop", key="methods-stop", width=SWITCH_WIDTH)
        go = not busy and st.button(
            "Measure", key="methods-go", width=SWITCH_WIDTH, disabled=not left
        )
    with widgets.problems_here():
        if stop:
            comparisons.stop(entrants)
        elif go:
            comparisons.begin(entrants)
        for sentence in comparisons.failures(entrants):
            st.warning(text.escape(text.sentence(sentence)))
    if stop or go:
        st.rerun()


def results(view: View, entrants: list[Entrant]) -> None:
    """Draw the curves and the numbers to take away."""
    tables = {entrant.title: entrant.table for entrant in entrants if len(entrant.table)}
    widgets.figure(
        theme.fit(figures.curves(tables, view.original_accuracy, len(entrants))), "methods-figure"
    )
    if not tables:
        return
    st.dataframe(
        comparisons.accuracies(entrants), hide_index=True, alt="Accuracy by method and amount"
    )
    st.download_button(
        "Download as CSV",
        comparisons.points(entrants).to_csv(index=False),
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
    busy = any(entrant.busy for entrant in comparisons.look(view.plan, names))

    @st.fragment(run_every=comparisons.TICK_SECONDS if busy else None)
    def panel() -> None:
        entrants = comparisons.look(view.plan, names)
        controls(entrants)
        results(view, entrants)
        if any(entrant.busy for entrant in entrants) != busy:
            st.rerun()

    panel()


def what_goes() -> None:
    """Draw what each granularity takes out of one small layer."""
    st.subheader("What each way of removing takes", anchor=False)
    st.caption(removal.CAPTION)
    widgets.figure(theme.fit(removal.examples(comparisons.what_goes())), "methods-removal")


with frame.page("Methods", "Which way of ranking fits this network?") as view:
    if view.subject.data is None:
        widgets.empty("Methods are compared by accuracy, so they need data. Choose some on Home.")
        widgets.page_link("home", "Home: choose data")
    else:
        with widgets.problems_here():
            check_comparable(view.plan)
            comparison(view)
    what_goes()
    with st.expander("Every way of ranking, with its formula, its source and what it costs"):
        st.dataframe(comparisons.about_criteria(), hide_index=True, alt="All criteria")
