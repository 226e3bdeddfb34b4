"""Every layer at every level: the exact scan, by any measure, as curves, panels or a heatmap."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.sensitivity import curves, groups, levels, panels
from pruneviz.history.folder import BASELINE_CLASSES_FILE, BASELINE_FILE, CLASSES_FILE, POINTS_FILE
from pruneviz.jobs.scans import RECALIBRATE
from pruneviz.plan import Setting
from pruneviz.sensitivity import LEVELS, read_classes, read_points
from pruneviz.sensitivity.metrics import WORST_GROUP
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import widgets
from pruneviz.ui.sensitivity import amounts, measures, recalibrating, scanning
from pruneviz.ui.sensitivity.measures import ONE_CLASS, Read
from pruneviz.ui.sensitivity.scanning import Extent, Scan
from pruneviz.ui.session import state
from pruneviz.ui.words import text

KIND = "sensitivity"
VIEWS = {"curves": "Curves", "panels": "One small chart a layer", "heatmap": "Heatmap"}
MARKS = {"curves": "a point", "panels": "a point", "heatmap": "a cell"}


def page(view: View, settings: Mapping[str, Setting]) -> None:
    """Draw the scan as far as it is, and what it found."""
    scanning.follow(
        view.plan,
        partial(scan_of, view, settings),
        partial(_results, view),
        unasked=not settings,
    )


def scan_of(view: View, settings: Mapping[str, Setting]) -> tuple[Scan, Extent]:
    """Return the scan of every layer at every level, and how far it is."""
    scan = scanning.scan_of(view.plan, KIND, settings)
    total = points(scan)
    done = scanning.rows(scan, POINTS_FILE, read_points)
    words = f"{done} of {total} points measured"
    fraction = min(1.0, done / total) if total else 1.0
    ended = f"{words}, each on {fmt.inputs_of(scanning.samples(scan), view.plan)}"
    return scan, Extent(words, ended, fraction, scanning.seconds(view.plan, total, settings))


def points(scan: Scan) -> int:
    """Return how many points a whole scan has."""
    return len(scanning.layers(scan)) * len(LEVELS)


def settings(view: View) -> dict[str, Setting]:
    """Draw what decides the scan's numbers; return what is not as usual."""
    return recalibrating.switch(view)


def _results(view: View, scan: Scan) -> None:
    """Draw the points under the chosen measure, in the chosen view, and the numbers to take."""
    table = read_points(scan.folder.file(POINTS_FILE))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name, one = _measure(view)
        shape = _view()
    read = _read(view, scan, table, name, one)
    if read.problem:
        widgets.empty(text.escape(read.problem))
    else:
        _figure(scan, read, shape)
        if name == WORST_GROUP and len(table):
            st.caption(text.escape(groups.in_words(table, view.subject.metrics[0])))
    known = measures.of(view.subject)
    kept, file = table, "sensitivity.csv"
    if name == ONE_CLASS:
        kept, file = _classes(scan), "classes.csv"
    scanning.take_away(
        scan,
        kept,
        file,
        measures.shown_table(kept, known),
        without="the most sensitive one",
        formats=measures.column_formats(known),
        alt="What is measured of every layer at every level",
    )


def _measure(view: View) -> tuple[str, str]:
    """Draw the choice of a measure and, for one class, of the class; return both."""
    titles, known = measures.names(view.subject), measures.of(view.subject)
    name = st.selectbox(
        "What to measure",
        list(titles),
        format_func=titles.__getitem__,
        key="measure",
        help=measures.about(st.session_state.get("measure", next(iter(known))), known),
        bind="query-params",
        width=280,
    )
    if name != ONE_CLASS or view.subject.data is None:
        return name, ""
    classes = view.subject.data.classes
    one = st.selectbox("Class", classes, key="class", bind="query-params", width=160)
    return name, str(one)


def _view() -> str:
    """Draw the choice of a figure; return its name."""
    chosen: str = st.segmented_control(
        "How to show it",
        list(VIEWS),
        default="curves",
        format_func=VIEWS.__getitem__,
        key="view",
        required=True,
        bind="query-params",
    )
    return chosen


def _classes(scan: Scan) -> pd.DataFrame:
    return read_classes(scan.folder.file(CLASSES_FILE))


def _read(view: View, scan: Scan, points: pd.DataFrame, name: str, one: str) -> Read:
    """Return the points under a measure, beside the original that they are compared with."""
    original, by_class = measures.original(view.plan)
    baseline = read_points(scan.folder.file(BASELINE_FILE))
    again = len(baseline) > 0 and RECALIBRATE in scan.settings
    called = "original, recalibrated" if again else "original"
    if name == ONE_CLASS:
        if again:  # else it is the unpruned network, whose classes are known
            by_class = read_classes(scan.folder.file(BASELINE_CLASSES_FILE))
        return measures.by_class(_classes(scan), by_class, one, called, finished=scan.whole)
    if len(baseline):
        original = baseline.iloc[0]
    if name == WORST_GROUP:
        return measures.by_group(points, original, view.subject.metrics[0], called)
    return measures.by_metric(points, original, measures.of(view.subject)[name], called, by_class)


def _figure(scan: Scan, read: Read, shape: str) -> None:
    """Draw the points in one of the views, and what a click on it does."""
    amounts.what_a_click_does(read.table, MARKS[shape])
    chosen = state.layer() if state.layer() in scanning.layers(scan) else ""
    amounts.figure(_chart(scan, read, shape, chosen), "sensitivity-figure")


def _chart(scan: Scan, read: Read, shape: str, chosen: str) -> go.Figure:
    table, reading = read.table, read.reading
    layers = scanning.layers(scan)
    if shape == "heatmap":
        return levels.heatmap(table, reading, chosen, layers, LEVELS)
    if shape == "panels":
        shown = _some(layers, chosen)
        return panels.panels(table, reading, shown, chosen, len(layers))
    return curves.sensitivity(table, reading, chosen, layers)


def _some(layers: tuple[str, ...], chosen: str) -> tuple[str, ...]:
    """Draw a search and pages where there are many layers; return those on the page."""
    if len(layers) <= panels.MOST_PANELS:
        return layers
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        words = st.text_input(
            "Find layers", key="sensitivity-find", placeholder="a part of the name", width=240
        )
        found = tuple(name for name in layers if words.strip().lower() in name.lower())
        pages = max(1, -(-len(found) // panels.MOST_PANELS))
        page = st.number_input(
            f"Page (1 to {pages})",
            1,
            pages,
            1 + panels.page_of(found, chosen),
            key=f"sensitivity-page-{pages}-{chosen}",
            width=160,
        )
    if not found:
        st.caption("No layer's name holds this.")
    first = (int(page) - 1) * panels.MOST_PANELS
    return found[first : first + panels.MOST_PANELS]
