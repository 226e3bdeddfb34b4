"""The layers' sliders: all of a small network, one group or what is searched for of a large one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.plan import Plan
from pruneviz.report import LayerReport
from pruneviz.ui.engine import cache
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import edits, hand, state
from pruneviz.ui.tune import cockpit, component
from pruneviz.ui.tune.board import Board, row, targets
from pruneviz.ui.tune.component import Row
from pruneviz.ui.tune.layer_groups import UNGROUPED, LayerGroup, matching
from pruneviz.ui.words import cells, text

SEARCH, EVERYTHING = "tune-search", "tune-everything"


def draw(shown: Board) -> None:
    """Draw the groups where there are several, and the sliders that they or a search leave."""
    layers = list(shown.open.layers)
    if shown.grouped:
        layers = _find(shown) or layers
    numbers = {each.name: number for number, each in enumerate(shown.units)}
    shares = cockpit.shares(shown.plan, list(shown.rows.values()), shown.latency)
    rows = [
        row(shown, shown.units[numbers[name]], numbers[name], shares.get(name, ""))
        for name in layers
    ]
    component.draw(
        "tune-sliders", shown.plan, rows, _answers(shown, rows), scrolls=len(rows) > UNGROUPED
    )
    component.offer_fields()
    with st.container(key="tune-style"):
        keys = {name: f"tune-row-{numbers[name]}" for name in layers}
        st.markdown(cockpit.style(keys, shown.curves), unsafe_allow_html=True)
        component.watch()
    _legend(shown)


def overall(plan: Plan) -> None:
    """Draw the slider of the overall amount; where the scope decides that, it cannot be moved."""
    value, off = edits.percent(plan.sparsity), text.decides_amount(plan)
    row = Row("Overall", value, "Overall: units to remove", "units to remove", off=off)
    component.draw("tune-overall", plan, [row], _answer_overall)


def _answer_overall(name: str, what: str, value: Any) -> None:
    if what == hand.AMOUNT:
        edits.set_overall(value)


def _answers(shown: Board, rows: Sequence[Row]) -> hand.Answer:
    """Return what does what is asked for in these rows; it holds names and numbers, no network."""
    amounts = {row.name: row.value / 100 for row in rows}
    counts = {each.name: each.count for each in shown.units}
    likes = {name: targets(shown, name) for name in amounts}

    def answer(name: str, what: str, value: Any) -> None:
        plan = state.plan()
        locked = plan.locks.get(name) == "all"
        if what == hand.AMOUNT and not locked:
            edits.set_layer(name, value)
        elif what == "lock" and isinstance(value, bool):
            edits.lock_layer(name, value)
        elif what == "units" and isinstance(value, str) and not locked:
            edits.lock_units(name, value, counts[name])
        elif what == "follow":
            edits.follow_overall(name)
        elif what == "like" and isinstance(value, str) and value in likes[name]:
            edits.set_layers(likes[name][value][1], plan.layers.get(name, amounts[name]))

    return answer


def _find(shown: Board) -> list[str]:
    """Draw the choice of a group and the search; return the layers to show, [] for the group's."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _choose(shown)
        wanted = st.text_input(
            "Search all layers",
            placeholder="part of a name",
            key=SEARCH,
            icon=":material/search:",
            width=200,
        ).strip()
        everything = st.toggle("All layers", key=EVERYTHING, help="One list to scroll, no groups")
    if not wanted and everything:
        st.caption(f"All {fmt.plural(len(shown.units), 'layer')}, from the first to the last.")
        return [each.name for each in shown.units]
    if not wanted:
        st.caption(text.escape(group_sentence(shown.open, shown.rows, possible=shown.possible)))
        return []
    along = {each.name: each.layers for each in shown.units}
    found = matching(list(along), wanted, along.__getitem__)
    name = text.escape(shown.open.name)
    if not found:
        st.caption(f"No layer is called “{text.escape(wanted[:40])}”; this is {name}.")
    elif len(found) > UNGROUPED:
        more = len(found) - UNGROUPED
        st.caption(f"The first {UNGROUPED} of {len(found)}; type more of the name for {more} more.")
    else:
        st.caption(f"{fmt.plural(len(found), 'layer')} found; empty the search to see {name}.")
    return found[:UNGROUPED]


def _choose(shown: Board) -> None:
    whole = sum(cache.original(shown.plan).baseline.parameters.values())
    firsts = {group.name: group.layers[0] for group in shown.groups}
    titles = {group.name: group_title(group, shown.rows, whole) for group in shown.groups}

    def choose(name: str) -> None:
        # another granularity may have other groups by the time a browser answers
        if name in firsts:
            state.choose_layer(firsts[name])
            st.session_state[SEARCH] = ""
            st.session_state[EVERYTHING] = False

    st.selectbox(
        f"{len(shown.groups)} groups of layers",
        list(titles),
        index=list(titles).index(shown.open.name),
        format_func=lambda name: titles.get(name, name),
        key=widgets.follow("tune-group", shown.open.name),
        on_change=widgets.changes("tune-group", choose),
        width="stretch",
    )


def group_title(group: LayerGroup, rows: Mapping[str, LayerReport], whole: int) -> str:
    """Return a group's name, its layers and its share of the `whole`; no amount changes it."""
    own = sum(rows[name].parameters.original for name in group.layers if name in rows)
    share = f", {fmt.share(own / whole)} of parameters" if whole else ""
    return f"{group.name} ({fmt.plural(len(group.layers), 'layer')}{share})"


def group_sentence(group: LayerGroup, rows: Mapping[str, LayerReport], *, possible: bool) -> str:
    """Return what goes of a group: of its units, and of its parameters."""
    own = [rows[name] for name in group.layers if name in rows]
    if not possible:
        return f"{group.name}: the plan cannot be carried out, so nothing of it goes."
    units, removed = sum(row.units for row in own), sum(row.removed for row in own)
    before = sum(row.parameters.original for row in own)
    gone = before - sum(row.parameters.pruned for row in own)
    share = f", {fmt.share(gone / before)} of its parameters" if before else ""
    return f"{group.name}: {removed:,} of {units:,} units go{share}."


def _legend(shown: Board) -> None:
    """Say what stands beside the sliders; where time by layer is still measured, look again."""

    first = [True]
    left_out = cells.uncounted_of(cache.original(shown.plan).baseline)

    @st.fragment(run_every=cockpit.TICK_SECONDS if shown.waiting else None)
    def legend() -> None:
        st.caption(text.escape(cockpit.legend(shown.latency, shown.curves, left_out)))
        # Not at once: a page that is cut short never tells the browser what its widgets show.
        if shown.waiting and not first and shown.timed.done():
            st.rerun()
        first.clear()

    legend()
    if not shown.curves.pictures and cockpit.can_scan(shown.plan):
        widgets.page_link("sensitivity", "Sensitivity: what each layer loses alone, as curves here")
