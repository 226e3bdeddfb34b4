"""Sensitivity shows every task by its own metrics, and offers nothing that it cannot measure."""

from __future__ import annotations

from functools import cache

import pytest

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.history.folder import BASELINE_FILE, POINTS_FILE, PROBES_FILE, THRESHOLDS_FILE
from pruneviz.plan import Plan
from pruneviz.sensitivity.search import probe_table
from pruneviz.stepwise import complete
from pruneviz.subjects import load_subject
from pruneviz.ui.sensitivity import measures
from pruneviz.ui.tune import cockpit
from tests.ui.test_pages import start, titles
from tests.ui.test_sensitivity_page import leave

NUMBERS = Plan(model="sample:diabetes-mlp")
RANKED = Plan(model="sample:tumour-mlp", metric="average_precision")
PLANS = {"numbers": NUMBERS, "ranked": RANKED}


@cache
def scanned(name="numbers"):
    plan = PLANS[name]
    return complete(scans.scan(run.prepare(load_subject(plan), plan)))


def left(name="numbers"):
    """Leave a finished scan of a plan, and return its points."""
    scan, plan = scanned(name), PLANS[name]
    files = {POINTS_FILE: scan.table(), BASELINE_FILE: scan.original_table()}
    leave("sensitivity", {}, files, plan)
    return scan.table()


def opened(plan, question="sensitivity"):
    at = start("pages/sensitivity.py", plan)
    if question != "sensitivity":
        at.segmented_control(key="question").set_value(question).run()
    assert not at.exception
    return at


def heading(at):
    return titles(at)[0].replace("<br>", " ")


def test_a_regression_is_read_by_its_errors_in_any_view():
    table = left()
    at = opened(NUMBERS)
    assert at.selectbox(key="measure").options == [
        "Mean absolute error",
        "Mean squared error",
        "R²",
    ]
    original = scanned().original_table()["mae"].item()
    first = table[table["mae_low"] > original]["sparsity"].min()
    worst = table[table["sparsity"] == first].nlargest(1, "mae").iloc[0]
    added = worst["mae"] - original
    said = f"{worst['layer']} already adds {added:.3f} of mean absolute error at {first:.0%}"
    assert said.replace("%", " %") in heading(at)
    chart = at.get("plotly_chart")[0].proto.spec
    assert "Mean absolute error" in chart
    for view in ("panels", "heatmap", "curves"):
        at.segmented_control(key="view").set_value(view).run()
        assert not at.exception
        assert "of mean absolute error at" in heading(at)
    at.selectbox(key="measure").set_value("r2").run()
    assert not at.exception
    assert "loses" in heading(at)
    assert "of R²" in heading(at)
    table_here = at.dataframe[0].value
    assert "Mean absolute error, 95 % from" in table_here
    assert not [name for name in table_here if "ccuracy" in name]


def test_a_label_s_other_metric_comes_first_and_its_classes_stay():
    left("ranked")
    at = opened(RANKED)
    options = at.selectbox(key="measure").options
    assert options[:2] == ["Average precision", "Accuracy"]
    assert options[-1] == "Accuracy of one class"
    assert "average precision" in heading(at)


def test_a_threshold_is_asked_for_in_the_metric_s_unit():
    left()
    prepared = run.prepare(load_subject(NUMBERS), NUMBERS)
    search = complete(scans.search(prepared, 2.0))
    files = {THRESHOLDS_FILE: search.table(), PROBES_FILE: probe_table(search.rows)}
    leave("thresholds", {"lose": 2.0}, files, NUMBERS)
    at = opened(NUMBERS, "thresholds")
    assert at.number_input(key="lose").label == "Too much (mean absolute error)"
    assert at.number_input(key="lose").value == 2.0, "a twentieth of the original's"
    assert "is the first to add 2 of mean absolute error, at" in heading(at)
    kept = search.table()["change"].iloc[-1]
    assert at.dataframe[0].value["Change there"].iloc[-1] == pytest.approx(kept)


def test_pairs_are_not_offered_where_no_input_is_right_or_wrong():
    at = opened(NUMBERS, "interactions")
    assert "Pairs of layers are compared by which inputs are answered right" in at.info[0].value
    assert not [each for each in at.number_input if each.key in ("level", "pairs")]


def test_a_curve_behind_a_slider_rises_with_the_error():
    table = left()
    curves = cockpit.curves(NUMBERS)
    assert set(curves.pictures) == {"fc1", "fc2"}
    half = table[(table["layer"] == "fc1") & (table["sparsity"] == 0.5)].iloc[0]
    assert curves.sentences["fc1"] == (
        f"At 50 % alone: +{half['mae_change']:.2f} of mean absolute error "
        f"(+{half['mae_change_low']:.2f} to +{half['mae_change_high']:.2f})."
    )
    most = table["mae_change"].max()
    assert curves.top == f"{most:.2f} of mean absolute error added"
    assert curves.top in cockpit.legend(None, curves)


def test_the_original_s_own_point_is_what_a_scan_left():
    found, classes = measures.original(NUMBERS)
    assert found["mae"] == pytest.approx(scanned().original_table()["mae"].item())
    assert classes.empty
    assert "Willmott" in measures.about("mae", measures.of(load_subject(NUMBERS)))


@pytest.mark.parametrize("name", PLANS)
def test_before_any_scan_the_page_offers_one(name):
    at = start("pages/sensitivity.py", PLANS[name].changed(sparsity=0.37, seed=3))
    assert not at.exception
    assert not at.error
