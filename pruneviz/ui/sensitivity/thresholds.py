"""Where does each layer lose too much? A search that needs a few evaluations of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.sensitivity import thresholds as figures
from pruneviz.history.folder import PROBES_FILE, THRESHOLDS_FILE
from pruneviz.plan import Setting
from pruneviz.sensitivity import LEVELS, read_probes, read_thresholds
from pruneviz.sensitivity.search import in_points
from pruneviz.ui.frame.frame import View
from pruneviz.ui.sensitivity import amounts, recalibrating, scanning
from pruneviz.ui.sensitivity.scanning import Extent, Scan
from pruneviz.ui.session import state
from pruneviz.ui.words import text

KIND, LOSS = "thresholds", "loss"
USUAL_POINTS = 2.0
WORDS = {
    "layer": "Layer",
    "sparsity": "Costs too much at (%)",
    "kept": "Can go (%)",
    "change": "Change there (%)",
    "change_low": "95 % from (%)",
    "change_high": "95 % to (%)",
    "probes": "Evaluations",
}
FORMATS = {
    word: st.column_config.NumberColumn(format="%.0f" if name in ("sparsity", "kept") else "%.1f")
    for name, word in WORDS.items()
    if name not in ("layer", "probes")
}


def settings(view: View) -> dict[str, Setting]:
    """Draw how much is too much, and whether BatchNorm is recalibrated; return both."""
    points = st.number_input(
        "Too much (points of accuracy)",
        min_value=0.1,
        max_value=100.0,
        value=USUAL_POINTS,
        step=0.5,
        format="%g",
        key="points",
        bind="query-params",
        width=250,
    )
    return {LOSS: round(float(points) / 100, 6), **recalibrating.switch(view)}


def page(view: View, settings: Mapping[str, Setting]) -> None:
    """Draw the search as far as it is, and what it found."""
    usual = settings == {LOSS: USUAL_POINTS / 100}
    scanning.follow(view.plan, partial(scan_of, view, settings), _results, unasked=usual)


def scan_of(view: View, settings: Mapping[str, Setting]) -> tuple[Scan, Extent]:
    """Return the search for each layer's threshold, and how far it is."""
    scan = scanning.scan_of(view.plan, KIND, settings)
    probes = scanning.rows(scan, PROBES_FILE, read_probes)
    found = scanning.rows(scan, THRESHOLDS_FILE, read_thresholds)
    layers = scanning.layers(scan)
    whole = len(layers) * len(LEVELS)
    words = f"{found} of {fmt.plural(len(layers), 'layer')} found, "
    words += f"{fmt.plural(probes, 'evaluation')} made"
    ended = f"{words} where a full scan makes {whole:,}, "
    ended += f"on {fmt.inputs_of(scanning.samples(scan), view.plan)} at most"
    fraction = found / len(layers) if layers else 1.0
    return scan, Extent(words, ended, fraction, scanning.seconds(view.plan, whole, settings))


def _results(scan: Scan) -> None:
    """Draw what can go of each layer, and the numbers to take away."""
    table = read_thresholds(scan.folder.file(THRESHOLDS_FILE))
    layers = scanning.layers(scan)
    chosen = state.layer() if state.layer() in layers else ""
    amounts.what_a_click_does(table, "a mark")
    loss = float(scan.settings[LOSS])
    chart = figures.thresholds(table, loss, chosen, layers)
    amounts.figure(chart, "thresholds-figure")
    scanning.take_away(
        scan,
        table,
        "thresholds.csv",
        shown_table(table),
        without="the first to lose too much",
        formats=FORMATS,
        alt=f"What can go of each layer before it loses {text.escape(in_points(loss))}",
    )


def shown_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the thresholds under names for people, fractions in percent."""
    counts = ("layer", "probes")
    return pd.DataFrame(
        {word: table[name] if name in counts else 100 * table[name]
         for name, word in WORDS.items()}
    )  # fmt: skip
