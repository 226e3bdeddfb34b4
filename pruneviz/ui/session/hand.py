"""A slider answers while a hand moves it, and the whole move is one step of undo.

Streamlit's slider tells its value when it is let go; hand.js tells it in between. With the value it
presses one of two buttons that nobody sees: `first`, or `on` for what goes on in the same move.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

FIRST, ON = "hand-first", "hand-on"


def listen() -> None:
    """Draw what hears a hand on the page's sliders; put it where nothing is shown."""
    for key in (FIRST, ON):
        st.button(key, key=key)
    st.html(_script(), unsafe_allow_javascript=True)


def moves() -> bool:
    """Return whether this run answers a hand that is on a slider, or has just left it."""
    return bool(st.session_state.get(FIRST)) or goes_on()


def goes_on() -> bool:
    """Return whether this run answers a move that an earlier run has answered already."""
    return bool(st.session_state.get(ON))


def looks_again() -> bool:
    """Return whether only a part of the page runs, as by its clock, and not for a hand."""
    context = get_script_run_ctx()
    return bool(context and context.fragment_ids_this_run) and not moves()


@cache
def _script() -> str:
    script = Path(__file__).with_name("hand.js").read_text(encoding="utf-8")
    return f"<script>{script}</script>"
