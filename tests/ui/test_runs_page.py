"""Runs: find, look at, label, compare, restore, delete and undo, take along and in."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.history.folder import RunFolder, Status
from pruneviz.history.index import History
from pruneviz.home import default_home
from pruneviz.plan import Plan
from pruneviz.ui.history import report_tables, run_actions
from pruneviz.ui.kit import keeping
from tests.history.folders import DIABETES, make_run, make_scan
from tests.ui.finished import MLP, finish

PAGE = str(Path(__file__).parents[2] / "pages" / "runs.py")


def page(*chosen: RunFolder) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=300)
    if len(chosen) == 1:
        at.query_params["run"] = chosen[0].digest
    elif chosen:
        at.session_state["pruneviz-runs"] = [folder.digest for folder in chosen]
    return at.run()


def words(at: AppTest) -> str:
    shown = (*at.markdown, *at.caption, *at.subheader)
    return "\n".join(str(element.value) for element in shown).replace("\\", "").replace("\xa0", " ")


def names(at: AppTest) -> list[str]:
    return list(at.dataframe[0].value["Name"])


def test_without_runs_the_page_says_what_makes_them():
    at = page()
    assert "Nothing is kept yet" in at.info[0].value
    assert at.button(key="keep-run").label == "Keep this run"
    assert "Recover: win accuracy back" in words(at)


def test_the_list_shows_what_each_run_did_the_newest_first():
    runs = [make_run(default_home(), seed) for seed in (0, 1, 2)]
    make_scan(default_home())
    at = page()
    table = at.dataframe[0].value
    assert table["Name"].tolist()[0] == "tumour-mlp · 30 % of channels, Magnitude L1"
    assert table["Digest"].tolist()[0] == runs[2].digest[:12]
    row = table.iloc[0]
    assert "% (± " in row["Accuracy"]
    assert row["MACs"].startswith("−")
    assert row["State"] == "finished"
    assert row["When"].tzinfo is not None
    assert sum(name.startswith("Sensitivity scan: tumour-mlp") for name in table["Name"]) == 1
    assert "What" not in table, "it would repeat the names"
    assert "4 runs, newest first" in words(at)


def test_search_and_filters_narrow_the_list():
    first, second = (make_run(default_home(), seed) for seed in (0, 1))
    make_scan(default_home())
    make_run(default_home(), 2, "stopped")
    History(default_home()).label(first.digest, name="the good one", tags=["keep"])
    at = page()
    at.text_input(key="runs-search").set_value("good").run()
    assert names(at) == ["the good one #keep"]
    what = at.dataframe[0].value["What"].tolist()
    assert what == ["Tumours, tabular · 30 % of channels, Magnitude L1"]
    at.text_input(key="runs-search").set_value("").run()
    at.selectbox(key="runs-kind").set_value("sensitivity").run()
    assert len(names(at)) == 1
    at.selectbox(key="runs-kind").set_value("").run()
    at.selectbox(key="runs-state").set_value("stopped").run()
    assert len(names(at)) == 1
    at.text_input(key="runs-search").set_value("no such run").run()
    assert "No run is like that" in at.info[0].value
    assert second.digest[:12] not in words(at)


def test_a_list_is_drawn_page_by_page():
    for seed in range(53):
        make_run(default_home(), seed, "stopped")
    at = page()
    assert len(names(at)) == 50
    assert "1 to 50 of 53 runs" in words(at)
    (pagination,) = at.get("pagination")
    at.session_state[pagination.proto.id.split("-", 2)[2]] = 2
    at.run()
    assert "51 to 53 of 53 runs" in words(at)


def test_a_run_of_the_link_is_shown_with_its_numbers():
    folder = make_run(default_home())
    at = page(folder)
    shown = words(at)
    assert "| Accuracy | 97.9 % (± 2." in shown
    assert "on 190 held-out inputs" in shown.lower()
    assert "| Weights file | 17.0 kB |" in shown
    assert "It was started from no other run" in shown
    assert not at.error


def test_a_run_with_a_recovery_shows_its_curve_and_what_it_is_compared_with():
    plan = MLP.changed(recovery=[{"method": "finetune", "parameters": {"epochs": 2}}])
    folder, report = finish(plan)
    at = page(folder)
    assert not at.error
    shown = words(at).replace("\u00a0", " ")
    assert "| Pruned, before recovery | " in shown
    assert "epoch: 2, the result" in shown
    (chart,) = at.get("plotly_chart")
    accuracies = [100 * row.value for row in report.recovery.curve]
    traces = json.loads(chart.proto.spec)["data"]
    assert any(trace.get("name") == "evaluated inputs" and len(trace["x"]) == len(accuracies)
               for trace in traces)  # fmt: skip


def test_a_label_is_saved_as_plain_text():
    folder = make_run(default_home())
    at = page(folder)
    nasty = "<img src=x> [a](http://b) :red[c]"
    at.text_input(key=f"runs-name-{folder.digest}").set_value(nasty)
    at.multiselect(key=f"runs-tags-{folder.digest}").set_value(["mine"])
    at.text_area(key=f"runs-note-{folder.digest}").set_value("two\nlines")
    save(at)
    row = History(default_home()).get(folder.digest)
    assert (row.name, row.tags, row.note) == (nasty, ("mine",), "two\nlines")
    assert names(at) == [f"{nasty} #mine"]
    shown = [str(element.value) for element in (*at.markdown, *at.subheader)]
    assert not any("<img" in value.replace("\\<", "") for value in shown)
    assert not any("[a](http" in value for value in shown)


def save(at: AppTest) -> None:
    next(button for button in at.button if button.label == "Save").click().run()


def test_a_label_that_is_too_long_is_refused_in_a_sentence():
    folder = make_run(default_home())
    at = page(folder)
    at.text_input(key=f"runs-name-{folder.digest}").set_value("x" * 100)
    save(at)
    assert "at most 80 characters" in at.error[0].value
    assert History(default_home()).get(folder.digest).name == ""


def test_delete_and_undo():
    folder, other = (make_run(default_home(), seed) for seed in (0, 1))
    at = page(folder)
    at.button(key="runs-delete").click().run()
    assert list(at.dataframe[0].value["Digest"]) == [other.digest[:12]]
    assert "1 run deleted" in words(at)
    at.button(key="runs-undo").click().run()
    assert len(names(at)) == 2
    assert folder.digest[:12] in words(at)
    assert not any(button.key == "runs-undo" for button in at.button)


def test_what_was_deleted_can_be_had_back_from_the_trash_later():
    folder = make_run(default_home())
    run_actions.history().delete(folder.digest)
    at = page()
    assert "Nothing is kept yet" in at.info[0].value
    at.button(key=f"runs-untrash-{folder.digest}").click().run()
    assert list(at.dataframe[0].value["Digest"]) == [folder.digest[:12]]


def test_restore_makes_the_runs_plan_the_sessions_and_undo_brings_the_old_one_back():
    folder = make_run(default_home())
    at = page(folder)
    before = at.query_params["plan"]
    at.button(key="runs-restore").click().run()
    assert at.query_params["plan"] != before
    assert "Tumours, tabular" in words(at)
    at.button(key="strip-undo").click().run()
    assert at.query_params["plan"] == before


def test_two_runs_are_set_side_by_side():
    first, second = (make_run(default_home(), seed) for seed in (0, 1))
    at = page(first, second)
    shown = words(at)
    assert "Two runs side by side" in shown
    accuracies = next(line for line in shown.split("\n") if line.startswith("| Accuracy"))
    assert accuracies.count("% (± ") == 2
    assert accuracies.count("190 inputs") == 2
    assert "| seed | 0 | 1 |" in shown
    assert "| sparsity |" not in shown


def test_several_runs_are_deleted_together():
    folders = [make_run(default_home(), seed) for seed in range(3)]
    at = page(*folders)
    assert "3 runs" in words(at)
    at.button(key="runs-delete").click().run()
    assert "Nothing is kept yet" in at.info[0].value
    at.button(key="runs-undo").click().run()
    assert len(names(at)) == 3


def test_a_familys_tree_leads_to_its_other_runs():
    first = make_run(default_home(), 0)
    second = make_run(default_home(), 1, parent=first.digest)
    at = page(second)
    assert re.search(rf"{second.digest[:12]}.*\(this run\)", words(at))
    at.button(key=f"runs-family-{first.digest}").click().run()
    assert at.query_params["run"] == first.digest


def test_a_run_that_is_gone_is_said_and_the_page_goes_on():
    make_run(default_home())
    at = AppTest.from_file(PAGE, default_timeout=300)
    at.query_params["run"] = "f" * 64
    at.run()
    assert "There is no run ffffffffffff" in at.error[0].value
    assert len(names(at)) == 1
    assert not at.run().error


def test_a_failed_run_says_why_and_can_be_tried_again(monkeypatch):
    folder = make_run(default_home(), 0, "failed")
    folder.write_status(Status(state="failed", error="no memory"))
    begun = []
    monkeypatch.setattr("pruneviz.jobs.resume", begun.append)
    at = page(folder)
    assert "No memory" in at.error[0].value
    at.button(key="runs-resume").click().run()
    assert [started.digest for started in begun] == [folder.digest]


def test_clean_up_says_first_what_it_removes():
    folder = make_run(default_home())
    run_actions.history().delete(folder.digest)
    at = page()
    at.button(key="runs-clean").click().run()
    assert "This deletes permanently: the trash" in words(at)
    at.button(key="runs-clean-do").click().run()
    assert "are free again" in at.toast[0].value
    at.button(key="runs-clean").click().run()
    assert "There is nothing to remove" in words(at)
    assert at.button(key="runs-clean-do").disabled


def test_what_is_taken_along_can_be_taken_in():
    folder = make_run(default_home())
    packed = run_actions.packed([folder.digest])
    assert f"{folder.digest}/report.json" in zipfile.ZipFile(io.BytesIO(packed)).namelist()
    history = run_actions.history()
    history.delete(folder.digest)
    at = AppTest.from_file(PAGE, default_timeout=300).run()
    at.file_uploader(key="runs-import").upload("runs.zip", packed, "application/zip").run()
    at.button(key="runs-import-do").click().run()
    assert "1 run imported" in at.success[0].value
    assert history.get(folder.digest).tags == ("imported",)


def test_a_zip_that_is_none_is_refused_in_a_sentence():
    at = AppTest.from_file(PAGE, default_timeout=300).run()
    at.file_uploader(key="runs-import").upload("runs.zip", b"PK\x03\x04nothing").run()
    at.button(key="runs-import-do").click().run()
    assert "is not a whole zip file" in at.error[0].value


def test_plans_differ_field_by_field():
    first = Plan(layers={"a": 0.5}, sparsity=0.1)
    second = Plan(
        layers={"a": 0.5, "b": 0.2},
        recovery=({"method": "finetune", "parameters": {"epochs": 3}},),  # type: ignore[arg-type]
    )
    found = {name: values for name, *values in report_tables.plan_differences(first, second)}
    assert found["sparsity"] == ["0.1", "0.0"]
    assert found["layers.b"] == ["–", "0.2"]
    assert found["recovery 1.parameters.epochs"] == ["–", "3"]
    assert "layers.a" not in found
    assert report_tables.plan_differences(first, first) == []


@pytest.mark.parametrize("model", ["sample:tumour-mlp", "sample:digits-cnn"])
def test_what_is_kept_after_a_restore_began_from_that_run(model, monkeypatch):
    folder = make_run(default_home())
    plan = folder.spec().plan
    session = {"pruneviz-restored-run": (plan.model, folder.digest)}
    monkeypatch.setattr("streamlit.session_state", session)
    expected = folder.digest if model == plan.model else None
    assert keeping.parent(plan.changed(model=model)) == expected


def test_runs_of_two_tasks_are_shown_by_the_metrics_of_each():
    tumours, diabetes = make_run(default_home()), make_run(default_home(), 1, model=DIABETES)
    at = page(diabetes)
    assert not at.error
    table = at.dataframe[0].value
    assert "Accuracy" not in table
    told = dict(zip(table["Digest"], table["Quality"], strict=True))
    share = f"{100 * History(default_home()).get(tumours.digest).accuracy:.1f} % (± "
    assert told[tumours.digest[:12]].startswith(f"Accuracy: {share}")
    assert re.fullmatch(
        r"Mean absolute error: \d\d\.\d\d \(± \d\.\d+\)", told[diabetes.digest[:12]]
    )
    shown = words(at)
    for title in ("Mean absolute error", "Mean squared error", "R²"):
        assert re.search(rf"\| {title} \| [\d.]+ \(± [\d.]+\) \| [\d.]+ \(± ", shown)
    assert "Each metric on 147 held-out inputs" in shown
    assert "| Accuracy |" not in shown
    shown = words(page(tumours, diabetes))
    assert "only the first by accuracy; only the second by mean absolute error" in shown
    assert re.search(rf"\| Accuracy \| {re.escape(share)}.*190 inputs \| – \|", shown)
    assert re.search(r"\| R² \| – \| 0\.\d+ \(± .*147 inputs \|", shown)
