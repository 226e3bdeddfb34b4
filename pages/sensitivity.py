"""Sensitivity: what can each layer lose?"""

import streamlit as st

from pruneviz.jobs.kind import kind
from pruneviz.ui.frame import frame
from pruneviz.ui.kit import widgets
from pruneviz.ui.sensitivity import along_the_depth, every_level, interactions, thresholds

SCANS = {"sensitivity": every_level, "thresholds": thresholds, "interactions": interactions}
PAGES = {**SCANS, "influence": along_the_depth}
TITLES = {name: kind(name).question for name in SCANS} | {"influence": along_the_depth.QUESTION}


def question() -> str:
    """Draw the choice of what is asked and return its name."""
    chosen: str = st.segmented_control(
        "Question",
        list(PAGES),
        default="sensitivity",
        format_func=TITLES.__getitem__,
        key="question",
        required=True,
        label_visibility="collapsed",
        wrap=True,
        bind="query-params",
    )
    return chosen


with frame.page("Sensitivity", "What can each layer lose, alone or with another?") as view:
    if view.subject.data is None:
        widgets.empty("Sensitivity measures accuracy, so it needs data. Choose some on Home.")
        widgets.page_link("home", "Home: choose data")
    else:
        asked = PAGES[question()]
        with st.container(horizontal=True, vertical_alignment="bottom"):
            settings = asked.settings(view)
        asked.page(view, settings)
