"""A scan as the page sees it, whatever it asks: a job's folder, how far it is, and its switch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from pruneviz import jobs
from pruneviz.figures.kit import format as fmt
from pruneviz.home import default_home
from pruneviz.jobs import start
from pruneviz.jobs.job import Job
from pruneviz.jobs.scans import RECALIBRATE
from pruneviz.plan import Plan, Setting
from pruneviz.sensitivity import read_notes
from pruneviz.sensitivity.refit import inputs_per_refit
from pruneviz.ui.engine import cache
from pruneviz.ui.jobs import ask
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import state
from pruneviz.ui.words import standing, text
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing

TICK_SECONDS = 0.5
# A scan that takes no longer than this begins by itself when the page opens.
SMALL_SECONDS = 30.0
SWITCH_WIDTH = 190  # pixels
FEW_INPUTS = 30  # below which every interval is so wide that the page says so


Scan = Job[None]


@dataclass(frozen=True)
class Extent:
    """How far a scan is: `done` in words, also once it has `ended`, and as a fraction, 0 to 1.

    `seconds` is what the whole takes at most, by the original's speed and without the start.
    """

    done: str
    ended: str
    fraction: float
    seconds: float

    @property
    def small(self) -> bool:
        """Return whether the scan is so short that it begins unasked."""
        return self.seconds <= SMALL_SECONDS


def scan_of(plan: Plan, kind: str, settings: Mapping[str, Setting]) -> Scan:
    """Return the scan that answers a question about a plan; ValueError where it cannot be asked."""
    return ask.job_of(plan, kind, settings, ask.nothing)


def layers(scan: Scan) -> tuple[str, ...]:
    """Return all layers that a scan looks at."""
    return tuple(units.name for units in cache.prepared(scan.asked).units)


def samples(scan: Scan) -> int:
    """Return how many held-out inputs a scan has."""
    data = cache.subject(scan.asked).data
    return len(data.x) if data else 0


def rows(scan: Scan, file: str, read: Callable[[Path], pd.DataFrame]) -> int:
    """Return how many rows one of a scan's tables holds that can be read."""
    try:
        return len(read(scan.folder.file(file)))
    except ValueError:
        return 0


def seconds(plan: Plan, evaluations: int, settings: Mapping[str, Setting]) -> float:
    """Return how long so many evaluations on all held-out inputs take, by the original's speed.

    Where statistics are taken anew, the training inputs for these pass as well, each time.
    """
    data = cache.subject(plan).data
    inputs = len(data.x) if data else 0
    if data and settings.get(RECALIBRATE) is True:
        inputs += inputs_per_refit(data)
    return evaluations * inputs * cache.original(plan).seconds_per_input


def line(scan: Scan, extent: Extent) -> str:
    """Return how far a scan is, and how long the rest takes."""
    if scan.state is None:
        return f"{standing.NOT_STARTED}; it goes on while you do something else"
    if scan.whole:
        return extent.ended
    if scan.damaged:
        return "it was finished, and what it measured cannot be read any more"
    return f"{extent.done}, {standing.line(scan)}"


def begin_label(scan: Scan, extent: Extent) -> str:
    """Return what the switch of a scan that stands still does."""
    if scan.state is None:
        whole = extent.seconds + start.seconds(default_home())
        return f"Begin (about {fmt.seconds(whole)})"
    if scan.damaged:
        return "Measure again"
    return "Try again" if scan.state == "failed" else "Resume"


def controls(scan: Scan, extent: Extent) -> None:
    """Draw progress with count and time left, and the switch to stop, go on or begin."""
    row = st.container(horizontal=True, vertical_alignment="center", key="scan-controls")
    with row:
        st.progress(scan.status.bar(extent.fraction), text=text.escape(line(scan, extent)))
        slot = st.empty()  # one for both, or for a moment both would stand there
        if scan.whole:
            return
        stop = scan.busy and slot.button(
            "Stop", key="scan-stop", width=SWITCH_WIDTH, disabled=scan.stopping
        )
        go = not scan.busy and slot.button(
            begin_label(scan, extent), key="scan-go", width=SWITCH_WIDTH
        )
    with widgets.problems_here():
        if stop:
            jobs.cancel(scan.folder)  # what is measured stays
        elif go:
            ask.begin(scan)
        elif scan.state == "failed":
            raise RefusedError(browsing.scan_failed(scan.status.trouble or ""))
    if stop or go:
        st.rerun()


def notes(scan: Scan) -> None:
    """Say what a reader must know of how the scan was computed."""
    found = list(read_notes(scan.folder))
    inputs = samples(scan)
    if inputs < FEW_INPUTS:
        few = fmt.plural(inputs, "input")
        found.append(f"there are {few} only, so every interval is wide: name more data on Home")
    for note in found:
        st.caption(text.escape(text.sentence(note)))


def follow(
    view_plan: Plan,
    see: Callable[[], tuple[Scan, Extent]],
    draw: Callable[[Scan], None],
    *,
    unasked: bool,
) -> None:
    """Show a scan as far as it is, and look again while a process works on it.

    Where nothing but the usual is asked (`unasked`), a short scan begins by itself. A click in a
    figure may change the plan, whose strip is above: then the whole page is drawn anew.
    """
    first, extent = see()
    if unasked and first.state is None and extent.small:
        with widgets.problems_here():
            ask.begin(first)
            first, extent = see()

    @st.fragment(run_every=TICK_SECONDS if first.busy else None)
    def panel() -> None:
        scan, extent = see()
        controls(scan, extent)
        if not scan.damaged:
            with widgets.problems_here():
                draw(scan)
        if scan.busy != first.busy or state.plan() != view_plan:
            st.rerun()

    panel()


def take_away(
    scan: Scan,
    table: pd.DataFrame,
    file: str,
    shown: pd.DataFrame,
    *,
    without: str,
    formats: Mapping[str, Any],
    alt: str,
) -> None:
    """Draw a scan's notes, the choice of its layer, and its table as a file and as numbers.

    `shown` is the table for people, in `formats`; `without` is that of `choose_layer`.
    """
    notes(scan)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choose_layer(layers(scan), without)
        download(table, file)
        with st.container(width="content", height=40, border=False, vertical_alignment="center"):
            widgets.page_link("tune", "Tune: use what you see here")
    with st.expander("All numbers"):
        st.dataframe(shown, hide_index=True, column_config=formats, alt=alt)


def choose_layer(layers: tuple[str, ...], without: str) -> None:
    """Draw the choice of the layer that stands out, the one that is chosen on every page.

    `without` says which stands out where none is chosen, which is a choice too.
    """
    names, key = ("", *layers), "sensitivity-layer"
    chosen = state.layer() if state.layer() in layers else ""
    st.selectbox(
        "Layer to look at",
        names,
        index=names.index(chosen),
        format_func=lambda name: name or without,
        key=widgets.follow(key, chosen),
        on_change=widgets.changes_here(key, state.choose_layer),
        width=320,
    )


def download(table: pd.DataFrame, file: str) -> None:
    """Draw the button that saves a table as CSV, which is written when it is asked for.

    While points come in, a file made at each look would be gone before the browser has seen it.
    """
    st.download_button(
        "Download as CSV",
        lambda: table.to_csv(index=False),
        file,
        "text/csv",
        key="sensitivity-csv",
        icon=":material/download:",
        on_click="ignore",
    )
