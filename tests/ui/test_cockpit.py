"""Tune as the cockpit: groups, menus, shares, curves, snapshots and classes, by AppTest."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch

from pruneviz.figures.sensitivity.spark import data_uri
from pruneviz.measure.layer_latency import LayerLatency
from pruneviz.plan import Plan
from pruneviz.report import Amount, LayerReport
from pruneviz.ui import classes, settings
from pruneviz.ui.engine import cache, results
from pruneviz.ui.sensitivity import scanning
from pruneviz.ui.session import link
from pruneviz.ui.tune import cockpit, snapshots
from pruneviz.ui.tune.board import with_its_inputs
from pruneviz.ui.tune.cockpit import Curves
from pruneviz.ui.tune.layer_groups import UNGROUPED
from pruneviz.ui.tune.snapshots import Side
from pruneviz.ui.words import text
from tests.ui import tuning
from tests.ui.test_depth_pages import start as with_query
from tests.ui.test_pages import start, words
from tests.ui.test_shapes_pages import shown

FACTORY = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    stages = {
        f"stage{s}": nn.Sequential(*[m for _ in range(10) for m in (nn.Linear(6, 6), nn.ReLU())])
        for s in range(4)
    }
    return nn.Sequential(*stages.values(), nn.Linear(6, 3)).eval()
"""
MLP = Plan(model="sample:tumour-mlp", sparsity=0.5)


@pytest.fixture
def deep(tmp_path, monkeypatch) -> Plan:
    """Return a plan for a network of 40 sliders in four stages, without data."""
    file = tmp_path / "deep.py"
    file.write_text(FACTORY)
    model = f"python:{file}:build"
    for name, value in settings.variables([model], []).items():
        monkeypatch.setenv(name, value)
    return Plan(model=model, input_shape=(6,), sparsity=0.5)


def test_a_small_network_shows_every_slider_without_groups() -> None:
    at = start("pages/tune.py", MLP)
    assert list(tuning.values(at)) == [units.name for units in cache.prepared(MLP).units]
    assert not [box for box in at.selectbox if box.key == "tune-group"]
    assert not [field for field in at.text_input if field.key == "tune-search"]


def test_of_a_large_network_one_group_is_drawn_and_another_is_opened_by_its_name(deep) -> None:
    at = start("pages/tune.py", deep)
    assert not at.error
    names = [units.name for units in cache.prepared(deep).units]
    assert len(names) == 40
    first = tuning.values(at)
    assert 0 < len(first) <= UNGROUPED
    groups = at.selectbox(key="tune-group")
    assert "% of parameters" in groups.options[0]
    assert "units go" in words(at)
    groups.select_index(2).run()
    third = tuning.values(at)
    assert not set(first) & set(third)
    assert next(iter(third)) in at.query_params["layer"]
    again = with_query("tune", deep, layer=next(iter(third)))
    assert tuning.values(again) == third


def test_a_search_finds_over_all_groups_and_says_how_many_more(deep) -> None:
    at = start("pages/tune.py", deep)
    names = [units.name for units in cache.prepared(deep).units]
    at.text_input(key="tune-search").set_value("3.18").run()
    assert list(tuning.values(at)) == [name for name in names if "3.18" in name]
    at.text_input(key="tune-search").set_value(".").run()
    matches = [name for name in names if "." in name]
    assert list(tuning.values(at)) == matches[:UNGROUPED]
    assert f"{len(matches) - UNGROUPED} more" in words(at)
    at.text_input(key="tune-search").set_value("<b>nothing").run()
    assert tuning.values(at)
    assert "No layer is called" in words(at)
    assert "<b>" not in words(at)


@pytest.mark.parametrize("which", ["group", "all"])
def test_all_like_this_one_is_one_step_and_locked_layers_stay_locked(deep, which) -> None:
    plan = deep.changed(layers={"0.0": 0.25, "2.0": 0.75}, locks={"0.2": "all"})
    at = start("pages/tune.py", plan)
    everything = [units.name for units in cache.prepared(plan).units]
    names = list(tuning.values(at)) if which == "group" else everything
    tuning.ask(at, "0.0", "like", which)
    changed = shown(at)
    free = [name for name in names if name != "0.2"]
    assert {name: changed.layers.get(name) for name in free} == dict.fromkeys(free, 0.25)
    assert "0.2" not in changed.layers
    assert changed.locks == plan.locks
    assert changed.layers.get("2.0") == (0.25 if which == "all" else 0.75)
    assert not at.error
    at.button(key="strip-undo").click().run()
    assert shown(at) == plan
    at.button(key="strip-redo").click().run()
    assert shown(at) == changed


def test_units_are_locked_in_the_menu_too(deep) -> None:
    at = start("pages/tune.py", deep)
    tuning.ask(at, "0.2", "units", "0,2-3")
    assert shown(at).locks == {"0.2": (0, 2, 3)}
    tuning.ask(at, "0.2", "lock", True)
    assert tuning.rows(at)["0.2"]["off"]


def test_the_link_of_many_own_amounts_is_short() -> None:
    own = {f"stage{i // 20}.{i % 20}.first": i / 320 for i in range(160)}
    assert len(link.encode(Plan(layers=own))) < 2500


def test_many_names_are_said_as_some_and_how_many_more() -> None:
    names = [f"conv{i}" for i in range(text.MOST_NAMED + 3)]
    assert text.some(names[:2]) == "conv0, conv1"
    assert text.some(names[: text.MOST_NAMED]).endswith(names[text.MOST_NAMED - 1])
    assert text.some(names).endswith(f"{names[text.MOST_NAMED - 1]} and 3 more")


def test_shares_are_exact_and_layers_that_go_together_count_once() -> None:
    amount = Amount(original=50, pruned=10)
    rows = [
        LayerReport(name=name, layers=layers, units=4, removed=1, locked=0, sparsity=0.25,
                    parameters=amount, macs=amount)
        for name, layers in {"fc1": ("fc1", "both"), "fc2": ("fc2", "both")}.items()
    ]  # fmt: skip
    baseline = cache.original(MLP).baseline
    latency = LayerLatency({"fc1": 1.0, "fc2": 2.0, "both": 3.0}, 10.0, 5)
    found = cockpit.shares(MLP, rows, latency)
    share = 100 * 50 / sum(baseline.parameters.values())
    assert found["fc1"].startswith(f"{share:.1f}\u00a0% of parameters")
    assert found["fc1"].endswith("≈ 40\u00a0% of latency")
    assert found["fc2"].endswith("≈ 20\u00a0% of latency")
    assert "latency" not in cockpit.shares(MLP, rows, None)["fc1"]
    assert "5 passes" in cockpit.legend(latency, cockpit.NO_CURVES)


def test_time_by_layer_comes_by_itself_and_nobody_waits_for_it() -> None:
    at = start("pages/tune.py", MLP)
    assert "% of parameters" in tuning.rows(at)["fc1"]["share"].replace("\u00a0", " ")
    cockpit.timing(MLP).result(timeout=60)
    at.run()
    assert "≈" in tuning.rows(at)["fc1"]["share"]
    assert "of latency" in tuning.rows(at)["fc1"]["share"]


def test_curves_of_a_scan_lie_behind_the_sliders_and_are_said_in_words() -> None:
    at = start("pages/tune.py", MLP)
    assert not [m for m in at.markdown if "svg+xml" in str(m.value)]
    folder = scanning.scan_of(MLP, "sensitivity", {}).folder
    folder.path.mkdir(parents=True)
    table = pd.DataFrame(
        [("fc1", 0.5, 0.9, 0.8, 0.95, 100, -0.013, -0.029, 0.002, 0.1, 0.1)],
        columns=["layer", "sparsity", "accuracy", "low", "high", "samples", "change",
                 "change_low", "change_high", "loss", "kl"],
    )  # fmt: skip
    table.to_csv(folder.file("points.csv"), index=False)
    at.run()
    (style,) = [str(m.value) for m in at.markdown if "svg+xml" in str(m.value)]
    assert style.count("svg+xml") == 1  # a single layer is measured yet
    assert ".st-key-tune-row-0 " in style
    help_text = tuning.rows(at)["fc1"]["help"]
    assert "At 50 % alone: −1.3 points (−2.9 to +0.2)." in help_text
    assert not at.exception


def test_a_layers_menu_locks_copies_and_follows() -> None:
    at = start("pages/tune.py", MLP)
    tuning.ask(at, "fc1", "lock", True)
    assert shown(at).locks == {"fc1": "all"}
    assert tuning.rows(at)["fc1"]["label"] == "fc1 · 0 of 64 neurons go · locked"
    tuning.ask(at, "fc1", "lock", False)
    tuning.ask(at, "fc1", "like", "all")
    assert set(shown(at).layers) == {"fc1", "fc2"}
    tuning.ask(at, "fc1", "follow")
    assert set(shown(at).layers) == {"fc2"}


def test_a_layer_that_loses_its_inputs_alone_says_so() -> None:
    amount = Amount(original=100, pruned=27)
    row = LayerReport(name="a", layers=("a",), units=4, removed=0, locked=0, sparsity=0.0,
                      parameters=amount, macs=amount)  # fmt: skip
    assert with_its_inputs(row) == "73 % of its parameters go with its inputs"
    assert with_its_inputs(row.model_copy(update={"removed": 1})) == ""


def test_a_style_holds_no_name_that_a_user_gave() -> None:
    name = "</style><script>alert(1)</script>"
    curves = Curves({name: data_uri("<svg/>")}, {}, "10 points lost", 1, 1)
    sheet = cockpit.style({name: "tune-row-0"}, curves)
    assert "script" not in sheet
    assert sheet.count("</style>") == 1
    assert ".st-key-tune-row-0" in sheet


def test_snapshots_stand_beside_the_original_and_lead_back() -> None:
    at = start("pages/tune.py", MLP)
    at.toggle(key="tune-snapshots").set_value(True).run()
    assert "No snapshot yet" in words(at)
    at.button(key="tune-snapshot").click().run()
    assert at.button(key="tune-restore-A").disabled
    tuning.move(at, tuning.OVERALL, 80)
    (table,) = [str(m.value) for m in at.markdown if "| original |" in str(m.value)]
    kept, now = cache.live(MLP).report, cache.live(MLP.changed(sparsity=0.8)).report
    lines = {line.split("|")[1].strip("* \\"): line for line in table.splitlines()[2:]}
    assert list(lines) == ["original", "now", "A"]
    for name, report in {"now": now, "A": kept}.items():
        assert f"{100 * report.accuracy.pruned:.1f}\u00a0%" in lines[name]
    differ = next(d.value for d in at.dataframe if "A, removed (%)" in d.value.columns)
    rows = {row.name: row for row in kept.layers}
    for line in differ.to_dict("records"):
        assert line["A, removed (%)"] == pytest.approx(100 * rows[line["Layer"]].sparsity)
    at.button(key="tune-restore-A").click().run()
    assert shown(at) == MLP
    at.button(key="strip-undo").click().run()
    assert shown(at).sparsity == 0.8


def test_the_original_is_exact_beside_plans_that_are_estimates() -> None:
    found = cache.live(MLP)
    accuracy = found.report.accuracy.model_copy(update={"original": 0.5, "samples": 60})
    part = replace(
        found, report=found.report.model_copy(update={"quality": (accuracy,)}), exact=False
    )
    original, now = snapshots.table([Side("now", MLP, part)]).splitlines()[2:]
    assert f"| {100 * cache.original_quality(MLP):.1f}\u00a0%" in original
    assert "≈\u00a0" in now
    assert f"on the same 60 of {found.total} inputs" in now


def test_layers_in_which_no_plan_differs_are_left_out_and_an_impossible_one_says_why() -> None:
    own = MLP.changed(layers={"fc2": 0.75})
    sides = snapshots.sides(MLP, {"A": own, "B": MLP.changed(layers={"nope": 0.5})})
    assert [side.live is None for side in sides] == [False, False, True]
    layers = snapshots.differing(sides)
    assert list(layers["Layer"]) == ["fc2"]
    assert list(layers.columns) == ["Layer", "now, removed (%)", "A, removed (%)"]
    assert "cannot be carried out" in snapshots.table(sides).replace("\\", "")
    assert snapshots.differing([Side("now", MLP, None)]).empty


def test_classes_come_with_what_loses_most_first() -> None:
    plan = MLP.changed(sparsity=0.9)
    at = start("pages/tune.py", plan)
    assert not [f for f in at.get("plotly_chart") if "Class" in f.proto.spec]
    at.toggle(key="tune-classes").set_value(True).run()
    answers, table = results.answers(plan), classes.ranked(plan)
    assert table["change"].is_monotonic_increasing
    for row in table.itertuples():
        here = answers.data.y == answers.data.classes.index(row[1])
        right = (answers.pruned.argmax(1) == answers.data.y)[here].double()
        assert row.pruned == pytest.approx(float(right.mean()))
        assert row.samples == int(torch.count_nonzero(here))
    drawn = next(m.value for m in at.markdown if "Change (points)" in m.value).splitlines()[2:]
    assert [line.split("|")[1].strip() for line in drawn] == list(table["class"])
    for line, row in zip(drawn, table.itertuples(), strict=True):
        assert f" {100 * row.pruned:.1f} ({100 * row.pruned_low:.1f}" in line.replace("\\", "")
    assert not at.exception
