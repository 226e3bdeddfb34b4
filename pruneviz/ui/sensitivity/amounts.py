"""From a click in a figure of a scan to the layer's slider on Tune, and back by undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pruneviz.plan import Plan
from pruneviz.ui.kit import theme, widgets
from pruneviz.ui.session import edits, state
from pruneviz.ui.words import text

BEFOREHAND = "A click on {mark} sets {whose} on Tune to its level."
_TAKEN, _LAST = "pruneviz-clicks-taken", "pruneviz-clicked"


@dataclass(frozen=True)
class Clicked:
    """What the last click asked for, the plan after it, and whether that is another than before.

    `percents` are by layer; `locked` are those of them that stay whole.
    """

    percents: Mapping[str, float]
    plan: Plan
    changed: bool
    locked: tuple[str, ...]


def figure(chart: go.Figure, key: str) -> None:
    """Draw a figure whose points say layer and level, of one or of two; a click sets the sliders.

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
    if not isinstance(given, list) or len(given) not in (2, 4):
        return
    percents = {str(layer): float(percent) for layer, percent in _in_twos(given)}
    taken: set[tuple[object, ...]] = st.session_state.setdefault(_TAKEN, set())
    if (drawn, *given) in taken:
        return
    taken.add((drawn, *given))
    before = state.plan()
    locked = tuple(layer for layer in percents if before.locks.get(layer) == "all")
    free = {name: value for name, value in percents.items() if name not in locked}
    if free:
        edits.set_percents(free)
    after = state.plan()
    state.choose_layer(state.layer() if state.layer() in percents else next(iter(percents)))
    st.session_state[_LAST] = Clicked(percents, after, after != before, locked)


def _in_twos(given: list[Any]) -> list[tuple[Any, Any]]:
    """Return a list in twos: layer and percent, layer and percent."""
    return list(zip(given[::2], given[1::2], strict=True))


def what_a_click_does(table: pd.DataFrame, mark: str, whose: str = "that layer's slider") -> None:
    """Say which sliders (`whose`) a click on a `mark` sets, or what the last one did.

    The latter as long as it holds, the former once the `table` of what is drawn has a row.
    """
    last: Clicked | None = st.session_state.get(_LAST)
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", height=40, border=False,
        key="sensitivity-click",
    ):  # fmt: skip
        if last is None or last.plan != state.plan():
            if len(table):
                st.caption(BEFOREHAND.format(mark=mark, whose=whose), width="content")
            return
        st.markdown(f":small[{text.escape(sentence(last))}]", width="content")
        if last.changed:
            st.button("Undo", key="sensitivity-undo", type="tertiary", on_click=state.undo)


def sentence(last: Clicked) -> str:
    """Return in words what a click did."""
    free = {name: value for name, value in last.percents.items() if name not in last.locked}
    already = "" if last.changed else " already"
    found = []
    if free:
        parts = [f"{name} is set to {value:g} %" for name, value in free.items()]
        found.append(f"{' and '.join(parts)} on Tune{already}.")
    found += [
        f"{name} is locked on Tune, so it stays whole. Unlock it there to set it."
        for name in last.locked
    ]
    return " ".join(found)
