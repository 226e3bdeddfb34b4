"""Which layers lose more together? Pairs of layers against each of the two alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.sensitivity import interactions as figures
from pruneviz.history.folder import PAIRS_FILE
from pruneviz.plan import Setting
from pruneviz.report import ACCURACY
from pruneviz.sensitivity import read_pairs
from pruneviz.sensitivity.pairs import all_pairs, number_asked
from pruneviz.ui.frame.frame import View
from pruneviz.ui.kit import widgets
from pruneviz.ui.sensitivity import amounts, recalibrating, scanning
from pruneviz.ui.sensitivity.scanning import Extent, Scan
from pruneviz.ui.session import state
from pruneviz.ui.words import text
from pruneviz.wording.refusals import analysing

KIND, LEVEL, PAIRS = "interactions", "level", "pairs"
USUAL_PERCENT, USUAL_PAIRS = 50, 60
WHY = (
    "A curve shows what a layer loses while all others are whole. Two layers that lose little "
    "alone may lose much together, because each makes up for the other: then their curves mislead. "
    "Where the interval of a pair lies left of 0, do not prune both as their curves allow."
)
BY_ACCURACY = "Pairs are compared by accuracy: by which inputs are answered right."
WORDS = {
    "first": "First layer",
    "second": "Second layer",
    "level_first": "First removed (%)",
    "level_second": "Second removed (%)",
    "change_first": "First alone (points)",
    "change_second": "Second alone (points)",
    "change_together": "Both (points)",
    "interaction": "Beyond the sum (points)",
    "interaction_low": "From (points)",
    "interaction_high": "To (points)",
    "samples": "Inputs",
}
COUNTS = ("first", "second", "samples")
FORMATS = {
    word: st.column_config.NumberColumn(format="%.0f" if name.startswith("level") else "%.1f")
    for name, word in WORDS.items()
    if name not in COUNTS
}


def settings(view: View) -> dict[str, Setting]:
    """Draw how much of each layer goes, how many pairs, and BatchNorm; return what is asked.

    Nothing where inputs have not one label each.
    """
    if not view.subject.task.labelled:
        return {}
    there_are = all_pairs(len(view.prepared.units))
    percent = st.number_input(
        "Removed from each layer (%)",
        1,
        100,
        USUAL_PERCENT,
        10,
        key="level",
        bind="query-params",
        width=210,
    )
    pairs = st.number_input(
        f"Pairs to look at, of {there_are:,}",
        1,
        max(1, there_are),
        max(1, min(USUAL_PAIRS, there_are)),
        key="pairs",
        bind="query-params",
        width=230,
    )
    asked = number_asked(int(pairs), there_are)
    return {LEVEL: percent / 100, PAIRS: asked, **recalibrating.switch(view)}


def page(view: View, settings: Mapping[str, Setting]) -> None:
    """Draw the scan of pairs as far as it is, and what it found."""
    if not view.subject.task.labelled:
        widgets.empty(text.told(analysing.pairs_by_labels()))
        return
    st.caption(WHY if view.subject.metrics[0].name == ACCURACY else f"{WHY} {BY_ACCURACY}")
    if len(view.prepared.units) < 2:
        widgets.empty("A pair needs two layers, and this network has one that can be pruned.")
        return
    usual = settings == {LEVEL: USUAL_PERCENT / 100, PAIRS: USUAL_PAIRS}
    scanning.follow(view.plan, partial(scan_of, view, settings), _results, unasked=usual)


def scan_of(view: View, settings: Mapping[str, Setting]) -> tuple[Scan, Extent]:
    """Return the scan of pairs, and how far it is."""
    scan = scanning.scan_of(view.plan, KIND, settings)
    done, wanted = scanning.rows(scan, PAIRS_FILE, read_pairs), number_wanted(scan)
    words = f"{done} of {fmt.plural(wanted, 'pair')} measured"
    fraction = max(done / wanted, min(1.0, scan.status.fraction))
    evaluations = wanted + min(2 * wanted, len(scanning.layers(scan)))
    ended = f"{words}, each on {fmt.inputs_of(scanning.samples(scan), view.plan)}"
    return scan, Extent(words, ended, fraction, scanning.seconds(view.plan, evaluations, settings))


def number_wanted(scan: Scan) -> int:
    """Return how many pairs a scan looks at in the end."""
    return min(int(scan.settings[PAIRS]), all_pairs(len(scanning.layers(scan))))


def _results(scan: Scan) -> None:
    """Draw the pairs, strongest first, all of them as a matrix, and the numbers to take away."""
    table = read_pairs(scan.folder.file(PAIRS_FILE))
    layers = scanning.layers(scan)
    chosen = state.layer() if state.layer() in layers else ""
    chart = figures.pairs(table, chosen, number_wanted(scan))
    amounts.what_a_click_does(table, "a pair", "both layers' sliders")
    grid = st.grid(2, min_column_width=460, gap="medium")
    with grid.cell():
        amounts.figure(chart, "interactions-figure")
    with grid.cell():
        matrix = figures.matrix(table, layers, chosen)
        amounts.figure(matrix, "interactions-matrix")
    scanning.take_away(
        scan,
        table,
        "interactions.csv",
        shown_table(table),
        without="none",
        formats=FORMATS,
        alt="What pairs of layers lose together and alone",
    )


def shown_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs under names for people, the strongest first, fractions in points."""
    found = figures.strongest(table)
    return pd.DataFrame(
        {word: found[name] if name in COUNTS else 100 * found[name]
         for name, word in WORDS.items()}
    )  # fmt: skip
