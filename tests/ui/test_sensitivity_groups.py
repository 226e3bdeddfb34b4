"""Sensitivity names the group of inputs that loses most: in the figure, in words, in the table."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.figures.sensitivity import curves, levels, panels
from pruneviz.figures.sensitivity.groups import in_words
from pruneviz.figures.sensitivity.reading import most_sensitive, what_to_see
from pruneviz.history.folder import BASELINE_FILE, POINTS_FILE
from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.sensitivity.groups import GROUP_COLUMNS
from pruneviz.stepwise import complete
from pruneviz.subjects import load_subject
from pruneviz.ui import settings
from pruneviz.ui.sensitivity import measures
from tests import grouped_rows
from tests.ui.test_pages import start, titles, words
from tests.ui.test_sensitivity_page import leave

ACCURACY, MAE = METRICS.get("accuracy"), METRICS.get("mae")
ORIGINAL = pd.Series({"accuracy": 0.9, "mae": 40.0})


def rows(*found):
    """Return points at which a group loses so much: layer, level, group, inputs, change, ends."""
    names = ["layer", "sparsity", "worst_group", "worst_group_samples", "worst_group_change",
             "worst_group_change_low", "worst_group_change_high"]  # fmt: skip
    return pd.DataFrame(found, columns=names)


POINTS = rows(
    ("fc1", 0.3, "", np.nan, 0.0, np.nan, np.nan),
    ("fc1", 0.7, "sex: <f>", 61.0, -0.34, -0.45, -0.22),
    ("fc2", 0.3, "sex: <f>", 61.0, -0.05, -0.2, 0.1),
    ("fc2", 0.7, "age: 60 to 79", 1.0, -0.2, -0.5, 0.1),
)


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return a plan whose data, a table, name groups of rows; what it scans has finished."""
    data = grouped_rows.reference(tmp_path)
    monkeypatch.setattr(settings, "data", lambda: (data,))
    return Plan(model="sample:tumour-mlp", data=data)


def test_the_page_offers_it_and_names_the_groups(plan):
    scan = complete(scans.scan(run.prepare(load_subject(plan), plan)))
    table = scan.table()
    leave("sensitivity", {}, {POINTS_FILE: table, BASELINE_FILE: scan.original_table()}, plan)
    at = start("pages/sensitivity.py", plan)
    assert "The group that loses most" in at.selectbox(key="measure").options
    assert not [name for name in titles(at) if "one group's" in name]
    at.selectbox(key="measure").set_value("worst_group").run()
    assert not at.exception
    assert "of one group's accuracy" in titles(at)[0].replace("<br>", " ")
    assert "looks larger than it is" in at.selectbox(key="measure").help
    assert in_words(table, ACCURACY) in words(at).replace("\\", "")
    named = table[table["worst_group"] != ""]
    curve = json.loads(at.get("plotly_chart")[0].proto.spec)["data"]
    hovers = [text for trace in curve for text in trace.get("hovertext", []) if "<br>" in text]
    assert sorted(text.split("<br>")[1] for text in hovers) == sorted(
        f"{name}, {int(count)} input{'' if count == 1 else 's'}"
        for name, count in zip(named["worst_group"], named["worst_group_samples"], strict=True)
    )
    for view in ("panels", "heatmap", "curves"):
        at.segmented_control(key="view").set_value(view).run()
        assert not at.exception
        assert "of one group's accuracy" in titles(at)[0].replace("<br>", " ")
    shown = at.dataframe[0].value
    assert shown["Group that loses most"].tolist() == table["worst_group"].tolist()
    change = shown["Change of accuracy of the group that loses most (%)"]
    np.testing.assert_allclose(change, 100 * table["worst_group_change"])


def test_a_scan_of_before_there_were_groups_is_read_and_says_what_it_lacks(plan):
    scan = complete(scans.scan(run.prepare(load_subject(plan), plan)))
    files = {POINTS_FILE: scan.table(), BASELINE_FILE: scan.original_table()}
    older = {file: table.drop(columns=GROUP_COLUMNS) for file, table in files.items()}
    leave("sensitivity", {}, older, plan)
    at = start("pages/sensitivity.py", plan)
    assert titles(at)
    at.selectbox(key="measure").set_value("worst_group").run()
    assert not at.exception
    assert "before what each group of inputs loses was measured: delete it" in at.info[
        0
    ].value.replace("\\", "")


def test_without_groups_it_is_not_offered():
    names = measures.names(load_subject(Plan(model="sample:tumour-mlp")))
    assert "worst_group" not in names
    assert list(names)[-2:] == ["worst_class", measures.ONE_CLASS]


def test_a_figure_shows_changes_with_their_sign_and_names_the_group():
    read = measures.by_group(POINTS, ORIGINAL, ACCURACY, "original")
    assert read.table["value"].tolist() == pytest.approx([0, -34, -5, -20])
    worst = most_sensitive(read.table, read.reading)
    assert (worst.layer, worst.sparsity, worst.damage) == ("fc1", 0.7, pytest.approx(34))
    chart = curves.sensitivity(read.table, read.reading)
    title = chart.layout.title.text.replace("<br>", " ")
    assert title.startswith("At 70 %, fc1 loses most: 34 points of one group's accuracy")
    assert chart.layout.yaxis.title.text == "Change (points)"
    low, high = chart.layout.yaxis.range
    assert -55 < low < -50 < 10 < high < 15, "all intervals are on the axis"
    (curve,) = [trace for trace in chart.data if trace.name == "fc1"]
    said = (
        "fc1 at 70 %: −34.0 points (95 %: −45.0 points to −22.0 points)"
        "<br>sex: &lt;f&gt;, 61 inputs"
    )
    assert list(curve.hovertext) == ["original", "fc1 at 30 %: 0.0 points", said]
    small = panels.panels(read.table, read.reading, ["fc1", "fc2"])
    assert said in [text for trace in small.data for text in trace.hovertext or ()]
    cells = levels.heatmap(read.table, read.reading).data[1]
    assert cells.hovertext[1] == said
    assert list(cells.text) == ["0", "34", "5", "20"]


def test_a_title_says_whether_a_loss_may_be_chance():
    sure = ("fc1", 0.9, "sex: f", 91.0, -0.055, -0.104, -0.003)
    points = rows(sure, ("fc2", 0.9, "age: 20 to 38", 37.0, -0.081, -0.174, 0.021))
    for found, title in (
        (points, "At 90 %, fc2 loses most: 8 points of one group's accuracy (within chance);"),
        (points[:1], "At 90 %, fc1 loses most: 6 points of one group's accuracy;"),
        (points[1:], "At 90 %, fc2 loses most: 8 points of one group's accuracy, within chance;"),
    ):
        read = measures.by_group(found, ORIGINAL, ACCURACY, "original")
        assert what_to_see(read.table, read.reading).startswith(title)


def test_an_error_that_grows_is_worse_upwards_in_its_own_unit():
    points = POINTS.assign(worst_group_change=-50 * POINTS["worst_group_change"])
    read = measures.by_group(points, ORIGINAL, MAE, "original")
    assert (read.reading.original, read.reading.scale) == (0.0, 40.0)
    chart = curves.sensitivity(read.table, read.reading)
    assert "adds most: 17.00 of one group's mean absolute error" in chart.layout.title.text.replace(
        "<br>", " "
    )
    assert chart.layout.yaxis.range[0] < 0 < 17 < chart.layout.yaxis.range[1]


def test_what_no_group_says_is_said():
    unknown = POINTS.assign(worst_group="", worst_group_change=np.nan)
    assert "inputs are too few" in measures.by_group(unknown, ORIGINAL, ACCURACY, "").problem
    assert not measures.by_group(POINTS[:0], ORIGINAL, ACCURACY, "").problem
    assert in_words(unknown, ACCURACY) == ""


def test_the_words_say_who_loses_most_and_how_often():
    assert in_words(POINTS, ACCURACY) == (
        "Most is surely lost by sex: <f>, −34.0 points (95 %: −45.0 to −22.0; 61 inputs), with "
        "70 % of fc1 removed. Of 4 points, most is lost by sex: <f> at 2, age: 60 to 79 at 1, none "
        "at 1."
    )
    assert in_words(POINTS[2:], ACCURACY).startswith(
        "Most is lost, within chance, by age: 60 to 79, −20.0 points (95 %: −50.0 to +10.0; 1 input"
    )
    assert in_words(POINTS[:1], ACCURACY) == "No group is known to lose at any of 1 point."
    many = rows(*(("a", 0.1 * n, f"g: {n}", 30, -0.01 * n, -0.5, 0.5) for n in range(1, 6)))
    assert in_words(many, ACCURACY).endswith(
        "most is lost by g: 1 at 1, g: 2 at 1, g: 3 at 1, 2 other groups at 2."
    )
