"""Where does each layer lose too much? A search that needs a few evaluations of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pruneviz.figures.kit import format as fmt
from pruneviz.figures.sensitivity import thresholds as figures
from pruneviz.history.folder import PROBES_FILE, THRESHOLDS_FILE
from pruneviz.jobs.kinds.thresholds import LOSE_SETTING, LOSS_SETTING, loss_of
from pruneviz.metrics import UNITS, Metric
from pruneviz.plan import Setting
from pruneviz.report import ACCURACY
from pruneviz.sensitivity import LEVELS, read_probes, read_thresholds
from pruneviz.sensitivity.losses import in_words, usual_loss, verb
from pruneviz.sensitivity.search import LOSS
from pruneviz.ui.frame.frame import View
from pruneviz.ui.sensitivity import amounts, measures, recalibrating, scanning
from pruneviz.ui.sensitivity.scanning import Extent, Scan
from pruneviz.ui.session import state
from pruneviz.ui.words import text

KIND = "thresholds"
USUAL_POINTS = 2.0
WORDS = {
    "layer": "Layer",
    "sparsity": "Costs too much at (%)",
    "kept": "Can go (%)",
    "change": "Change there",
    "change_low": "95 % from",
    "change_high": "95 % to",
    "probes": "Evaluations",
}
LEVEL_COLUMNS, CHANGES = ("sparsity", "kept"), ("change", "change_low", "change_high")


def settings(view: View) -> dict[str, Setting]:
    """Draw how much is too much, and whether BatchNorm is recalibrated; return both."""
    metric = view.subject.metrics[0]
    too_much = _points(metric) if metric.scale != 1 else _amount(metric, usual(view))
    return {**too_much, **recalibrating.switch(view)}


def usual(view: View) -> float:
    """Return how much is too much where nobody says it, in the unit of the primary metric."""
    metric = view.subject.metrics[0]
    if measures.of(view.subject)[metric.name].bounded:
        return LOSS
    original, _ = measures.original(view.plan)
    return usual_loss(float(original[metric.name]))


def _points(metric: Metric) -> dict[str, Setting]:
    of = "accuracy" if metric.name == ACCURACY else metric.noun
    points = st.number_input(
        f"Too much (points of {of})",
        min_value=0.1,
        max_value=100.0,
        value=USUAL_POINTS,
        step=0.5,
        format="%g",
        key="points",
        bind="query-params",
        width=250,
    )
    return {LOSS_SETTING: round(float(points) / metric.scale, 6)}


def _amount(metric: Metric, usual: float) -> dict[str, Setting]:
    unit = f"{metric.symbol_of_changes.strip()} of " if metric.symbol_of_changes else ""
    lose = st.number_input(
        f"Too much ({unit}{metric.noun})",
        min_value=usual / 1000,
        value=usual,
        step=usual / 4,
        format="%g",
        key="lose",
        bind="query-params",
        width=300,
    )
    return {LOSE_SETTING: float(lose)}


def page(view: View, settings: Mapping[str, Setting]) -> None:
    """Draw the search as far as it is, and what it found."""
    as_usual = settings in ({LOSS_SETTING: USUAL_POINTS / 100}, {LOSE_SETTING: usual(view)})
    draw = partial(_results, view.subject.metrics[0])
    scanning.follow(view.plan, partial(scan_of, view, settings), draw, unasked=as_usual)


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


def _results(metric: Metric, scan: Scan) -> None:
    """Draw what can go of each layer, and the numbers to take away."""
    table = read_thresholds(scan.folder.file(THRESHOLDS_FILE))
    layers = scanning.layers(scan)
    chosen = state.layer() if state.layer() in layers else ""
    amounts.what_a_click_does(table, "a mark")
    loss = loss_of(scan.settings)
    chart = figures.thresholds(table, loss, chosen, layers, metric)
    amounts.figure(chart, "thresholds-figure")
    costs = f"{verb(metric)}s {in_words(loss, metric)}"
    scanning.take_away(
        scan,
        table,
        "thresholds.csv",
        shown_table(table, metric),
        without="the first to lose too much",
        formats=formats(metric),
        alt=f"What can go of each layer before it {text.escape(costs)}",
    )


def shown_table(table: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return the thresholds under names for people, fractions in percent."""
    scales = {**dict.fromkeys(LEVEL_COLUMNS, 100.0), **dict.fromkeys(CHANGES, metric.scale)}
    return pd.DataFrame(
        {word: scales[name] * table[name] if name in scales else table[name]
         for name, word in words(metric).items()}
    )  # fmt: skip


def words(metric: Metric) -> dict[str, str]:
    """Return what each column is called, its unit beside it."""
    symbol = UNITS[metric.unit].symbol.strip()
    unit = f" ({symbol})" if symbol else ""
    return {name: f"{word}{unit}" if name in CHANGES else word for name, word in WORDS.items()}


def formats(metric: Metric) -> dict[str, Any]:
    """Return how the columns of `shown_table` write their numbers."""
    written = {
        **dict.fromkeys(LEVEL_COLUMNS, "%.0f"),
        **dict.fromkeys(CHANGES, "%.1f" if metric.scale != 1 else "%.3f"),
    }
    called = words(metric)
    return {called[name]: st.column_config.NumberColumn(format=f) for name, f in written.items()}
