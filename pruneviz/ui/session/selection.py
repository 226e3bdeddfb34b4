"""What the user looks at, kept in the session and in the link: a held-out input, and runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz.figures import layers as figures
from pruneviz.history.folder import is_digest
from pruneviz.report import LayerReport

_KEY = "pruneviz-input"
_RUNS_KEY, _LINK_KEY, _MARKED_KEY = "pruneviz-runs", "pruneviz-runs-link", "pruneviz-runs-marked"


def choose_input(index: int) -> None:
    """Make `index` the input that every page shows."""
    st.session_state[_KEY] = index


def chosen_input(count: int, default: int) -> int:
    """Return the chosen input of `count`, from the session or the link, and put it into the link.

    `default` is returned when none was chosen, or when the data are now fewer.
    """
    given = st.query_params.get("input", "")
    if _KEY not in st.session_state and given.isdecimal():
        st.session_state[_KEY] = int(given)
    chosen = st.session_state.get(_KEY)
    if not isinstance(chosen, int) or not 0 <= chosen < count:
        return default
    if given != str(chosen):
        st.query_params["input"] = str(chosen)
    return chosen


def choose_runs(digests: Sequence[str]) -> None:
    """Make these the runs that Runs shows, and put a single one into the link."""
    st.session_state[_RUNS_KEY] = list(dict.fromkeys(digests))
    if len(digests) == 1:
        st.query_params["run"] = digests[0]
    elif "run" in st.query_params:
        del st.query_params["run"]
    st.session_state[_LINK_KEY] = st.query_params.get("run", "")


def show_runs(digests: Sequence[str]) -> None:
    """Choose runs from elsewhere than the list, which then marks them anew."""
    choose_runs(digests)
    st.session_state[_MARKED_KEY] = list_marked() + 1


def list_marked() -> int:
    """Return how often runs were chosen from elsewhere than the list."""
    return int(st.session_state.get(_MARKED_KEY, 0))


def chosen_runs() -> list[str]:
    """Return the digests of the chosen runs, from the link where it names another than before."""
    given = st.query_params.get("run", "")
    if is_digest(given) and given != st.session_state.get(_LINK_KEY):
        show_runs([given])
    return list(st.session_state.get(_RUNS_KEY, []))


def layer(names: tuple[str, ...], wanted: str, rows: Sequence[LayerReport]) -> str:
    """Return the layer to show: the one chosen on any page if it is here, else what loses most."""
    return wanted if wanted in names else figures.loses_most(rows, names)
