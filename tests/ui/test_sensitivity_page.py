"""Sensitivity asks three questions of every network, and a click in it moves a slider."""

from __future__ import annotations

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pruneviz import jobs
from pruneviz.history.folder import (
    BASELINE_CLASSES_FILE,
    BASELINE_FILE,
    CLASSES_FILE,
    NOTES_FILE,
    PAIRS_FILE,
    POINTS_FILE,
    PROBES_FILE,
    THRESHOLDS_FILE,
    RunFolder,
    Spec,
    Status,
    run_digest,
    runs_directory,
    write_json,
)
from pruneviz.home import default_home
from pruneviz.jobs.kind import kind as find_kind
from pruneviz.plan import Plan
from pruneviz.run import bind
from pruneviz.sensitivity import CLASS_COLUMNS, COLUMNS, LEVELS, METRICS, PAIR_COLUMNS
from pruneviz.sensitivity.points import CHANGES
from pruneviz.sensitivity.refit import inputs_per_refit
from pruneviz.sensitivity.search import PROBE_COLUMNS, TABLE
from pruneviz.subjects import load_subject
from pruneviz.ui.sensitivity import measures, scanning
from tests.ui import tuning
from tests.ui.test_pages import start, titles, words

MLP, RESNET = Plan(model="sample:tumour-mlp"), Plan(model="sample:digits-resnet")
LAYERS = ("fc1", "fc2")
NAN = float("nan")


def leave(kind: str, settings: dict, tables: dict[str, pd.DataFrame], asked_of: Plan = MLP) -> None:
    """Leave in the home folder what a finished scan of a plan leaves, its tables by file."""
    found = find_kind(kind)
    plan = found.essential(bind(asked_of, load_subject(asked_of)))
    asked = found.settings(settings)
    folder = RunFolder(runs_directory(default_home()) / run_digest(kind, plan, asked))
    folder.path.mkdir(parents=True)
    spec = Spec(kind=kind, plan=plan, settings=asked)
    write_json(folder.file("job.json"), spec.model_dump(mode="json"))
    folder.write_status(Status(state="finished", fraction=1.0))
    for file, table in tables.items():
        table.to_csv(folder.file(file), index=False)
    write_json(folder.file(NOTES_FILE), ["the memory did not hold all"])


def points(layers=LAYERS, **others: float) -> pd.DataFrame:
    """Return a scan's points: accuracy falls with the level; other columns are as given."""
    rows = [
        {"layer": name, "sparsity": level, "accuracy": 0.9 - level / 2, "low": 0.3, "high": 0.95,
         "samples": 100, "loss": level, "loss_low": 0, "loss_high": 2, **others}
        for name in layers
        for level in LEVELS
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def open_page(question: str = "sensitivity") -> AppTest:
    at = start("pages/sensitivity.py", MLP)
    if question != "sensitivity":
        at.segmented_control(key="question").set_value(question).run()
    assert not at.exception
    return at


def names() -> list[str]:
    """Return the layers of the MLP, in order."""
    from pruneviz.run import prepare

    return [units.name for units in prepare(load_subject(MLP), MLP).units]


def test_a_scan_is_read_by_any_measure_in_any_view() -> None:
    layers = tuple(names())
    baseline = (
        points(layers[:1])
        .iloc[:1]
        .assign(layer="", sparsity=0.0, accuracy=0.9, loss=0.05, auroc=0.9)
    )
    known = load_subject(MLP).data.classes
    classes = pd.DataFrame(
        [(name, 0.7, group, 50, 0.25, 0.1, 0.4) for name in layers for group in known],
        columns=CLASS_COLUMNS,
    )
    older = points(layers, change=0.0)[CHANGES]
    files = {POINTS_FILE: older, BASELINE_FILE: baseline, CLASSES_FILE: classes}
    leave("sensitivity", {}, files)
    at = open_page()
    assert f"{layers[0]} loses most: 35 points" in titles(at)[0]
    assert "The memory did not hold all" in words(at)
    for view in ("panels", "heatmap", "curves"):
        at.segmented_control(key="view").set_value(view).run()
        assert "35 points" in titles(at)[0]
    at.selectbox(key="measure").set_value("loss").run()
    assert "adds most: 0.65 nats of cross" in titles(at)[0]
    at.selectbox(key="measure").set_value("auroc").run()
    assert "scan again" in at.info[0].value
    at.selectbox(key="measure").set_value(measures.ONE_CLASS).run()
    assert not at.exception
    assert f"points of class {known[0]}'s accuracy" in titles(at)[0].replace("<br>", " ")


def test_one_class_is_compared_with_the_recalibrated_original(monkeypatch) -> None:
    monkeypatch.setattr(jobs, "submit", lambda home, kind, plan, settings: None)
    known = load_subject(RESNET).data.classes
    table = points(("conv1",))
    classes = pd.DataFrame(
        [("conv1", level, group, 50, 0.25, 0.1, 0.4) for level in LEVELS for group in known],
        columns=CLASS_COLUMNS,
    )
    files = {POINTS_FILE: table, BASELINE_FILE: table[:1], CLASSES_FILE: classes}
    original = classes[: len(known)].assign(layer="", sparsity=0.0, accuracy=0.55)
    leave("sensitivity", {"recalibrate": True}, files, RESNET)
    at = start("pages/sensitivity.py", RESNET)
    at.toggle(key="recalibrate").set_value(True).run()
    at.selectbox(key="measure").set_value(measures.ONE_CLASS).run()
    said_here = at.info[0].value.replace("\\", "")  # it is shown as text, not as Markdown
    assert "the recalibrated original's accuracy of each class was measured" in said_here
    ((folder,),) = [list(runs_directory(default_home()).glob("*/points.csv"))]
    original.to_csv(folder.with_name(BASELINE_CLASSES_FILE), index=False)
    at.run()
    assert not at.exception
    assert f"30 points of class {known[0]}'s accuracy" in titles(at)[0].replace("<br>", " ")


def test_recalibration_is_offered_where_there_is_batch_norm() -> None:
    leave("sensitivity", {}, {POINTS_FILE: points()})
    assert open_page().toggle(key="recalibrate").disabled


def test_every_question_can_be_asked_of_recalibrated_networks(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(
        jobs, "submit", lambda home, kind, plan, settings, **more: asked.append(settings)
    )
    at = start("pages/sensitivity.py", RESNET)
    for question in ("sensitivity", "thresholds", "interactions"):
        at.segmented_control(key="question").set_value(question).run()
        at.toggle(key="recalibrate").set_value(True).run()
        assert not at.exception
        asked.clear()
        assert at.button(key="scan-go").label.startswith("Begin (about")
        at.button(key="scan-go").click().run()
        assert [settings["recalibrate"] for settings in asked] == [True]


def test_the_time_that_is_said_includes_the_recalibration() -> None:
    data = load_subject(RESNET).data
    usual = scanning.seconds(RESNET, 9, {})
    again = scanning.seconds(RESNET, 9, {"recalibrate": True})
    held_out, training = len(data.x), inputs_per_refit(data)
    assert again / usual == pytest.approx((held_out + training) / held_out)


def test_thresholds_are_shown_with_their_promise_and_what_they_saved() -> None:
    layers = names()
    found = pd.DataFrame(
        [(name, 0.5, 0.4, -0.01, -0.03, 0.01, 3) for name in layers], columns=TABLE
    )
    probes = pd.DataFrame([(layers[0], 0.5, True, 60, None, None, None)] * 6, columns=PROBE_COLUMNS)
    leave("thresholds", {"loss": 0.02}, {THRESHOLDS_FILE: found, PROBES_FILE: probes})
    leave("sensitivity", {}, {POINTS_FILE: points()})
    at = open_page("thresholds")
    assert "is the first to lose 2 points, at 50 %" in titles(at)[0]
    assert "The memory did not hold all" in words(at)
    line = at.get("progress")[0].proto.text.replace("\\", "")
    assert f"6 evaluations made where a full scan makes {9 * len(layers)}" in line
    at.number_input(key="points").set_value(5.0).run()
    assert at.button(key="scan-go").label.startswith("Begin"), "what is unusual waits to be asked"


def test_pairs_are_shown_as_intervals_and_as_a_matrix() -> None:
    layers = names()
    row = (*layers[:2], 0.5, 0.5, -0.01, -0.01, -0.1, -0.08, -0.12, -0.04, 100)
    leave("interactions", {}, {PAIRS_FILE: pd.DataFrame([row], columns=PAIR_COLUMNS)})
    leave("sensitivity", {}, {POINTS_FILE: points()})
    at = open_page("interactions")
    bars, matrix = (title.replace("<br>", " ") for title in titles(at))
    assert f"{layers[0]} and {layers[1]} lose 8.0 points more together" in bars
    assert matrix.startswith("Of 1 pair, 1 surely")
    assert "their curves mislead" in words(at)
    assert "A click on a pair sets both layers' sliders on Tune" in said(at)


SEEN = pd.DataFrame({"class": ["a", "b", "c"], "samples": [3, 4, 2]})


@pytest.mark.parametrize(
    ("metric", "point", "original", "samples", "words"),
    [
        (
            "auroc",
            {},
            {},
            (9, 0, 0),
            "all inputs are of class a, and AUROC compares it with another",
        ),
        (
            "auroc",
            {},
            {},
            (5, 4, 0),
            "no input is of class c, and AUROC compares each class with the rest. Choose data",
        ),
        ("auroc", {}, {"auroc": 0.9}, (3, 4, 2), "no pruned network's answers are finite"),
        (
            "loss",
            {"loss": NAN},
            {"auroc": 0.9},
            (3, 4, 2),
            "no pruned network's answers are finite",
        ),
        ("loss", {"loss": NAN}, {"loss": NAN}, (9, 0, 0), "the original's answers are not finite"),
        ("kl", {}, {"loss": NAN}, (3, 4, 2), "the original's answers are not finite"),
        ("auroc", {"worst_class": NAN}, {}, (3, 4, 2), "before AUROC was measured"),
        ("loss", {"loss": NAN, "change": NAN}, {}, (3, 4, 2), "before Cross-entropy was measured"),
    ],
)
def test_why_no_point_has_a_measure_is_said_as_it_is(metric, point, original, samples, words):
    table = points(**{"worst_class": "a", "change": 0.0} | point)
    before = pd.Series({"loss": 0.3, "auroc": NAN, "kl": 0.0} | original)
    classes = SEEN.assign(samples=samples)
    read = measures.by_metric(table, before, METRICS[metric], "original", classes)
    assert words in read.problem
    assert ("scan again" in read.problem) == ("before" in words)


def clicking() -> None:
    """A page that does what a click in a figure does, and says so."""
    import pandas as pd
    import streamlit as st

    from pruneviz.ui.sensitivity import amounts
    from pruneviz.ui.session import state

    state.begin()
    place = [{"customdata": ["conv2", 70]}]
    drawn = st.session_state.setdefault("drawn", 0)
    st.button("click", key="click", on_click=amounts.take, args=(place, drawn))
    st.button("again", key="again", on_click=amounts.take, args=(place, 0))
    st.button("elsewhere", key="elsewhere", on_click=amounts.take, args=([{"customdata": "x"}], 0))
    st.button("nowhere", key="nowhere", on_click=amounts.take, args=([], 0))
    st.session_state["drawn"] += 1
    both = [{"customdata": ["conv1", 50, "conv2", 40]}]
    st.button("pair", key="pair", on_click=amounts.take, args=(both, drawn))
    st.button("lock", key="lock", on_click=state.edit, kwargs={"locks": {"conv2": "all"}})
    table = pd.DataFrame({"layer": ["conv2"] * st.session_state.get("rows", 1)})
    amounts.what_a_click_does(table, "a point")
    st.markdown(f"{dict(state.plan().layers)} {state.layer()}", width="content")


def choosing() -> None:
    """A page on which a click elsewhere chooses the layer that a field shows too."""
    import streamlit as st

    from pruneviz.ui.sensitivity import scanning
    from pruneviz.ui.session import state

    state.begin()
    st.button("click", key="click", on_click=state.choose_layer, args=("conv2",))
    scanning.choose_layer(("conv1", "conv2"), "none")
    st.markdown(f"chosen: {state.layer()}.")


def test_a_click_that_the_browser_has_not_heard_of_keeps_its_layer(monkeypatch) -> None:
    at = AppTest.from_function(choosing, default_timeout=300).run()
    at.button(key="click").click().run()
    at.selectbox(key="sensitivity-layer").set_value("").run()
    assert "chosen: conv2." in words(at), "the field repeats that it was empty before the click"
    at.selectbox(key="sensitivity-layer").set_value("conv1").run()
    assert "chosen: conv1." in words(at)
    monkeypatch.setattr("pruneviz.ui.session.widget_values.ECHO_SECONDS", -1.0)
    at.selectbox(key="sensitivity-layer").set_value("").run()
    assert "chosen: ." in words(at), "who empties the field later means it"


def said(at: AppTest) -> str:
    return words(at).replace("\\", "")


def test_a_click_moves_the_slider_once_and_undo_takes_it_back() -> None:
    at = AppTest.from_function(clicking, default_timeout=300).run()
    assert "A click on a point sets" in said(at)
    at.button(key="click").click().run()
    assert "conv2 is set to 70 % on Tune." in said(at)
    assert "{'conv2': 0.7} conv2" in said(at)
    at.button(key="sensitivity-undo").click().run()
    assert "{} conv2" in said(at)
    assert "A click on a point sets" in said(at)
    at.button(key="again").click().run()
    assert "{} conv2" in said(at), "a click that is reported again is not taken again"
    at.button(key="click").click().run()
    at.button(key="click").click().run()
    assert "conv2 is set to 70 % on Tune already." in said(at)
    assert not [button for button in at.button if button.key == "sensitivity-undo"]


def test_what_a_click_does_is_said_once_there_is_something_to_click() -> None:
    at = AppTest.from_function(clicking, default_timeout=300)
    at.session_state["rows"] = 0
    assert "A click on" not in said(at.run())
    at.session_state["rows"] = 1
    assert "A click on a point sets" in said(at.run())


def test_a_locked_layer_is_chosen_but_not_moved() -> None:
    at = AppTest.from_function(clicking, default_timeout=300).run()
    at.button(key="lock").click().run()
    at.button(key="click").click().run()
    assert "conv2 is locked on Tune, so it stays whole" in said(at)
    assert "{} conv2" in said(at)


def test_a_click_on_a_pair_moves_both_sliders_in_one_step_but_none_that_is_locked() -> None:
    at = AppTest.from_function(clicking, default_timeout=300).run()
    at.button(key="pair").click().run()
    assert "conv1 is set to 50 % and conv2 is set to 40 % on Tune." in said(at)
    assert "{'conv1': 0.5, 'conv2': 0.4} conv1" in said(at)
    at.button(key="sensitivity-undo").click().run()
    at.button(key="lock").click().run()
    at.button(key="pair").click().run()
    assert "conv1 is set to 50 % on Tune. conv2 is locked on Tune" in said(at)
    assert "{'conv1': 0.5} conv1" in said(at)


@pytest.mark.parametrize("key", ["elsewhere", "nowhere"])
def test_what_is_no_point_of_a_layer_changes_nothing(key: str) -> None:
    at = AppTest.from_function(clicking, default_timeout=300).run()
    at.button(key=key).click().run()
    assert "A click on a point sets" in said(at)
    assert "{} conv2" not in said(at)
    assert "{}" in said(at)


@pytest.mark.parametrize("file", [POINTS_FILE, NOTES_FILE])
def test_a_damaged_scan_can_be_measured_again_and_tune_keeps_its_sliders(file):
    leave("sensitivity", {}, {POINTS_FILE: points()})
    found = find_kind("sensitivity")
    plan = found.essential(bind(MLP, load_subject(MLP)))
    folder = RunFolder(runs_directory(default_home()) / run_digest("sensitivity", plan))
    folder.file(file).write_text("{")
    at = open_page()
    assert "Measure again" in [button.label for button in at.button]
    assert "cannot be read any more" in " ".join(bar.proto.text for bar in at.get("progress"))
    tune = start("pages/tune.py", MLP)
    assert not tune.exception
    assert set(LAYERS) <= set(tuning.rows(tune))
