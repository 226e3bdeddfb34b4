"""Runs: what was done, and what came of it?"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from pruneviz.history.folder import UNDER_WAY
from pruneviz.history.index import History
from pruneviz.history.row import STATES, Row
from pruneviz.jobs.kind import kind_title
from pruneviz.plan import Plan
from pruneviz.ui.frame import frame
from pruneviz.ui.history import run_actions, run_details, run_storage, runs
from pruneviz.ui.jobs.watch import watch
from pruneviz.ui.kit import keeping, widgets
from pruneviz.ui.session import selection
from pruneviz.ui.words import text

FILTER_WIDTH = 190  # pixels
LOOK_SECONDS = 1.0


def filters(history: History) -> dict[str, str]:
    """Draw search and filters; return what `History.search` takes."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search",
            key="runs-search",
            placeholder="words in names, plans, tags and notes",
            icon=":material/search:",
            persist_state="session",
        )
        kind = choice("Kind", "kind", history.choices("kind"), kind_title)
        model = choice("Model", "model", history.choices("model"), text.model_title)
        state = choice("State", "state", list(STATES), str)
    return {"text": words, "kind": kind, "model": model, "state": state}


def choice(label: str, name: str, options: list[str], shown: Callable[[str], str]) -> str:
    """Draw one filter and return its value; "" lets everything through."""
    key = f"runs-{name}"
    if st.session_state.get(key, "") not in ("", *options):
        st.session_state[key] = ""  # the last run of that kind is gone
    return st.selectbox(
        label,
        ["", *options],
        format_func=lambda value: shown(value) if value else "all",
        key=key,
        width=FILTER_WIDTH,
        persist_state="session",
    )


def listing(history: History, wanted: dict[str, Any]) -> list[Row]:
    """Draw a page of the list, the newest run first, and return its rows."""
    total = history.count(**wanted)
    if not total:
        widgets.empty("No run is like that. Take a word or a filter back.")
        return []
    paging = runs.Paging(total)
    # Another list begins at its newest run.
    key = f"runs-page-{paging.pages}-{digest_of(wanted.values())}"
    offset = paging.offset(int(st.session_state.get(key, 1)))
    rows = history.search(**wanted, limit=runs.PER_PAGE, offset=offset)
    marking(rows)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{paging.line(offset, len(rows))}, newest first. "
            "Mark one at the left to see it, two to compare them.",
            width="stretch",
        )
        if paging.pages > 1:
            st.pagination(paging.pages, key=key)
    return rows


def digest_of(parts: Iterable[str]) -> str:
    """Return a short digest of some texts, for a widget's key."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def marking(rows: list[Row]) -> None:
    """Draw the list with its marks; what is marked on other pages of it stays chosen."""
    digests, chosen = [row.digest for row in rows], selection.chosen_runs()
    # Marks are of places: another list, or runs chosen elsewhere, ask for another widget.
    key = f"runs-table-{selection.list_marked()}-{digest_of(digests)}"

    def mark() -> None:
        places = st.session_state[key]["selection"]["rows"]
        elsewhere = [digest for digest in chosen if digest not in digests]
        selection.choose_runs([*elsewhere, *(digests[place] for place in places)])

    here = [place for place, digest in enumerate(digests) if digest in chosen]
    st.dataframe(
        runs.table(rows),
        key=key,
        hide_index=True,
        height=runs.list_height(len(rows)),
        row_height=runs.ROW_HEIGHT,
        column_config=runs.columns(st.context.timezone),
        on_select=mark,
        selection_mode="multi-row",
        selection_default={"selection": {"rows": here}},
        alt="The runs, the newest first",
    )


def details(history: History) -> None:
    """Draw what is chosen: one run, two side by side, or several."""
    chosen, found = selection.chosen_runs(), []
    for digest in chosen:
        with widgets.problems_here():
            history.folder(digest)
            found.append(history.get(digest))
    if len(found) < len(chosen):
        selection.choose_runs([row.digest for row in found])
    if len(found) == 1:
        run_details.one(history, found[0])
    elif len(found) == 2:
        run_details.two(history, found)
    elif found:
        run_details.several(found)


def nothing_yet(plan: Plan) -> None:
    """Say what makes runs, and offer it."""
    widgets.empty(
        "Nothing is kept yet. A run keeps a plan with its network, numbers and machine: keep the "
        "one that you see now, win accuracy back on Recover, or scan on Sensitivity."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        keeping.button(plan, "Keep this run")
        widgets.page_link("recover", "Recover: win accuracy back")
        widgets.page_link("sensitivity", "Sensitivity: what can each layer lose?")


@st.fragment(run_every=LOOK_SECONDS)
def wait_for_change(before: list[tuple[str, str]]) -> None:
    """Draw the page anew when a job of the list begins, ends or is stopped."""
    seen = {job.folder.digest: job.state for job in watch().latest(LOOK_SECONDS / 2).jobs}
    if any(seen.get(digest) != state for digest, state in before):
        st.rerun()


with frame.page("Runs", "What was done, and what came of it?") as view:
    history = run_actions.history()
    if history.note:
        st.warning(text.escape(text.sentence(history.note)))
    if history.count():
        rows = listing(history, filters(history))
        active = [(row.digest, row.state) for row in rows if row.state in UNDER_WAY]
        if active:
            wait_for_change(active)
        run_storage.undo_line()
        details(history)
    else:
        run_storage.undo_line()
        nothing_yet(view.plan)
    st.subheader("Disk space", anchor=False)
    run_storage.storage(history)
    run_storage.taking_in()
