"""Sensitivity: what can each layer lose?"""

import streamlit as st

from pruneviz.figures import curves
from pruneviz.ui import frame, scanning, state, text, theme, widgets
from pruneviz.ui.frame import View
from pruneviz.ui.scanning import Scanning

SWITCH_WIDTH = 190  # pixels


def controls(scan: Scanning) -> None:
    """Draw progress with count and time left, and the switch to stop, go on or begin."""
    row = st.container(horizontal=True, vertical_alignment="center", key="scan-controls")
    with row:
        st.progress(scan.fraction, text=text.escape(scanning.line(scan)))
        if scan.finished:
            st.container(width=SWITCH_WIDTH, height=40, border=False)  # nothing moves when it ends
            return
        stop = scan.busy and st.button(
            "Stop", key="scan-stop", width=SWITCH_WIDTH, disabled=scan.stopping
        )
        go = not scan.busy and st.button(
            scanning.begin_label(scan), key="scan-go", width=SWITCH_WIDTH
        )
    with widgets.problems_here():
        if stop:
            scanning.stop(scan)
        elif go:
            scanning.begin(scan)
        elif scan.state == "failed":
            raise ValueError(scan.status.error or "the scan failed, and its log says where")
    if stop or go:
        st.rerun()


def results(view: View, scan: Scanning) -> None:
    """Draw the curves, the layer to look at, and the numbers to take away."""
    table = scan.table
    layers = [units.name for units in view.prepared.units]
    chosen = state.layer() if state.layer() in layers else None
    widgets.figure(
        theme.fit(curves.sensitivity(table, view.original_accuracy, chosen or "")),
        "sensitivity-figure",
        on_select=lambda: widgets.choose_clicked("sensitivity-figure"),
        selection_mode="points",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Layer to look at",
            layers,
            index=None,
            placeholder="the most sensitive one",
            key=widgets.follow("sensitivity-layer", chosen),
            on_change=lambda: state.choose_layer(st.session_state["sensitivity-layer"] or ""),
            width=320,
        )
        st.download_button(
            "Download as CSV",
            table.to_csv(index=False),
            "sensitivity.csv",
            "text/csv",
            key="sensitivity-csv",
            icon=":material/download:",
            on_click="ignore",
        )
        with st.container(width="content", height=40, border=False, vertical_alignment="center"):
            widgets.page_link("tune", "Tune: use what you see here")
    with st.expander("All numbers"):
        st.dataframe(
            scanning.shown_table(table),
            hide_index=True,
            column_config=scanning.COLUMN_FORMATS,
            alt="Accuracy of every layer at every level",
        )


def live(view: View) -> None:
    """Show the scan as far as it is, and look again while a process works on it."""
    first = scanning.look(view.plan)
    if first.state is None and first.small:
        with widgets.problems_here():
            scanning.begin(first)
            first = scanning.look(view.plan)

    @st.fragment(run_every=scanning.TICK_SECONDS if first.busy else None)
    def panel() -> None:
        scan = scanning.look(view.plan)
        controls(scan)
        results(view, scan)
        if scan.busy != first.busy:
            st.rerun()

    panel()


with frame.page("Sensitivity", "What can each layer lose, pruned alone?") as view:
    if view.subject.data is None:
        widgets.empty("Sensitivity measures accuracy, so it needs data. Choose some on Home.")
        widgets.page_link("home", "Home: choose data")
    else:
        live(view)
