"""From a click in a figure of a scan to the layer's slider on Tune, and back by undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pruneviz.plan import Plan
from pruneviz.ui import edits, state, text, theme, widgets

BEFOREHAND = "A click on {mark} sets that layer's slider on Tune to its level."
_TAKEN, _LAST = "pruneviz-clicks-taken", "pruneviz-clicked"


@dataclass(frozen=True)
class Clicked:
    """What the last click asked for, the plan after it, and whether that is another than before."""

    layer: str
    percent: float
    plan: Plan
    changed: bool
    locked: bool


def figure(chart: go.Figure, key: str) -> None:
    """Draw a figure whose points say layer and level; a click sets that layer's slider.

    After each click the figure is a new one to the browser, in which nothing is chosen, so that the
    same point can be clicked again.
    """
    drawn = len(st.session_state.get(_TAKEN, ()))
    chart.update_layout(selectionrevision=drawn)
    on_select = on_click(key, drawn)
    widgets.scrolled(theme.fit(chart), key, on_select=on_select, selection_mode="points")


def on_click(key: str, drawn: int) -> Callable[[], None]:
    """Return the `on_select` of the figure `key` as it was drawn after so many clicks."""
    return lambda: take(st.session_state[key]["selection"]["points"], drawn)


def take(points: list[dict[str, Any]], drawn: int) -> None:
    """Carry out a click on a point of a figure: its layer is chosen and its slider moved.

    A locked layer stays as it is. The browser may report a click again when a run was cut short:
    the same point of the figure that was `drawn` after so many clicks is taken once.
    """
    given = points[0].get("customdata") if points else None
    if not isinstance(given, list) or len(given) != 2:
        return
    layer, percent = str(given[0]), float(given[1])
    taken: set[tuple[int, str, float]] = st.session_state.setdefault(_TAKEN, set())
    if (drawn, layer, percent) in taken:
        return
    taken.add((drawn, layer, percent))
    before = state.plan()
    locked = before.locks.get(layer) == "all"
    if not locked:
        edits.set_layer(layer, percent)
    after = state.plan()
    state.choose_layer(layer)
    st.session_state[_LAST] = Clicked(layer, percent, after, after != before, locked)


def what_a_click_does(mark: str) -> None:
    """Say what a click on a `mark` does and, as long as it holds, what the last one did."""
    last: Clicked | None = st.session_state.get(_LAST)
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", height=40, border=False,
        key="sensitivity-click",
    ):  # fmt: skip
        if last is None or last.plan != state.plan():
            st.caption(BEFOREHAND.format(mark=mark), width="content")
            return
        st.markdown(f":small[{text.escape(sentence(last))}]", width="content")
        if last.changed:
            st.button("Undo", key="sensitivity-undo", type="tertiary", on_click=state.undo)


def sentence(last: Clicked) -> str:
    """Return in words what a click did."""
    if last.locked:
        return f"{last.layer} is locked on Tune, so it stays whole. Unlock it there to set it."
    already = "" if last.changed else " already"
    return f"{last.layer} is set to {last.percent:g} % on Tune{already}."
