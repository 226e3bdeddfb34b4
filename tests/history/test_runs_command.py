"""`pruneviz runs`: one JSON object, a table for people, a sentence when it cannot be."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import typer
from typer.testing import CliRunner

from pruneviz.cli.runs import runs_app
from pruneviz.history.index import History
from tests.history.folders import DIABETES, make_run, make_scan
from tests.history.test_tracking import with_curve


@pytest.fixture
def home(home, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "200")
    return home


@pytest.fixture
def runs():
    """Call `pruneviz runs`; return what it wrote, or the sentence it ends with."""
    app = typer.Typer()
    app.add_typer(runs_app, name="runs")

    def call(*arguments):
        result = CliRunner().invoke(app, ["runs", *map(str, arguments)])
        if isinstance(result.exception, ValueError):
            return f"refused: {result.exception}"
        assert result.exit_code == 0, result.output
        if "--json" in arguments:
            return json.loads(result.stdout)
        return result.stdout

    return call


def test_list_filters_orders_and_counts(home, runs, monkeypatch):
    folders = [make_run(home, seed=seed) for seed in range(5)]
    make_run(home, seed=5, state="failed")
    make_scan(home)
    History(home).label(folders[2].digest, name="[bold]best[/bold]", tags=["paper"])
    found = runs("list", "--json")
    assert found["total"] == len(found["runs"]) == 7
    assert found["usage"]["runs"] == 7
    assert {row["digest"] for row in runs("list", "--tag", "paper", "--json")["runs"]} == {
        folders[2].digest
    }
    assert runs("list", "--kind", "sensitivity", "--json")["total"] == 1
    assert runs("list", "--state", "failed", "--json")["total"] == 1
    assert runs("list", "--search", "BEST", "--json")["total"] == 1
    page = runs("list", "--kind", "run", "--limit", "2", "--offset", "1", "--json")
    assert (page["total"], [row["seed"] for row in page["runs"]]) == (6, [4, 3])
    page = runs("list", "--kind", "run", "--ascending", "--limit", "1", "--json")
    assert page["runs"][0]["seed"] == 0
    table = runs("list")
    assert "[bold]best[/bold] #paper" in table
    assert folders[0].digest[:12] in table
    assert "7 of 7 runs shown; 7 runs take" in table
    monkeypatch.setenv("COLUMNS", "80")
    assert all(folder.digest[:12] in runs("list") for folder in folders)
    assert runs("list", "--state", "flying").startswith("refused: a run's state is one of")
    assert runs("list", "--order", "flying").startswith("refused: runs are ordered by one of")


def test_list_says_what_is_over_the_limit(home, runs, monkeypatch):
    make_run(home)
    monkeypatch.setenv("PRUNEVIZ_RUNS_LIMIT_GB", "0.000001")
    assert "more than the 1.0 kB meant for them" in runs("list")


def test_show_tells_numbers_epochs_and_lineage(home, runs):
    top = make_run(home, seed=1)
    folder = with_curve(make_run(home, seed=2, parent=top.digest))
    shown = runs("show", folder.digest[:8], "--json")
    assert shown["digest"] == folder.digest
    assert (shown["best_epoch"]["epoch"], shown["last_epoch"]["epoch"]) == (3, 4)
    assert [epoch["epoch"] for epoch in shown["curve"]] == [0, 1, 1, 2, 3, 4]
    assert [(part["depth"], part["digest"]) for part in shown["lineage"]] == [
        (0, top.digest), (1, folder.digest),
    ]  # fmt: skip
    text = runs("show", folder.digest)
    row = History(home).get(folder.digest)
    assert re.search(r"^1 +1 +finetune +\S+ % +\S+ % ", text, re.MULTILINE), text
    for words in (folder.digest, f"{row.macs:,}", "3: accuracy 90.0 %", "4: accuracy 85.0 %",
                  f"{row.accuracy:.1%}".replace("%", " %"), f"{top.digest[:12]} finished",
                  "← this run"):  # fmt: skip
        assert words in text
    folder.file("curve.json").write_text("{")
    assert runs("show", folder.digest, "--json")["best_epoch"] is None
    assert runs("show", "nothing").startswith("refused: no run is called 'nothing'")


def test_delete_tells_how_to_undo_and_restore_does(home, runs):
    folders = [make_run(home, seed=seed) for seed in range(2)]
    before = History(home).search()
    said = runs("delete", *(folder.digest[:12] for folder in folders))
    commands = [line.partition("undo: pruneviz runs ")[2].split() for line in said.splitlines()]
    assert History(home).search() == []
    for command in commands:
        runs(*command)
    assert History(home).search() == before
    assert runs("delete", folders[0].digest, "--json") == {"deleted": [folders[0].digest]}
    assert runs("restore", folders[0].digest, "--json") == {"restored": [folders[0].digest]}
    assert "no run in the trash" in runs("restore", folders[0].digest)
    for command in ("delete", "restore", "export", "mlflow"):
        assert "no run is named" in runs(command)


def test_a_run_is_restored_by_its_name(home, runs):
    folder = make_run(home)
    runs("label", folder.digest, "--name", "best")
    runs("delete", "best")
    assert runs("restore", "best", "--json") == {"restored": [folder.digest]}


def test_label_adds_and_removes(home, runs):
    folder = make_run(home)
    args = ("label", folder.digest[:6], "--name", "one", "--tag", "a", "--tag", "b", "--json")
    assert runs(*args)["tags"] == ["a", "b"]
    row = runs("label", "one", "--untag", "A", "--note", "hm", "--json")
    assert (row["name"], row["tags"], row["note"]) == ("one", ["b"], "hm")
    assert "hm" in runs("label", "one", "--name", "two")
    assert runs("label", "two", "--name", "", "--json")["name"] == ""


def test_what_is_exported_is_imported(home, runs, tmp_path, monkeypatch):
    folders = [make_run(home, seed=seed) for seed in range(3)]
    make_run(home, seed=3, state="running")
    out = tmp_path / "runs.zip"
    assert runs("export", folders[0].digest, "--out", out, "--json")["bytes"] == out.stat().st_size
    assert "is there already" in runs("export", "--all", "--out", out)
    assert len(runs("export", "--all", "--out", out, "--force", "--json")["exported"]) == 3
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / "other"))
    assert len(runs("import", out, "--json")["added"]) == 3
    assert "is here already" in runs("import", out)
    assert runs("list", "--tag", "imported", "--json")["total"] == 3
    out.write_bytes(b"no zip")
    assert runs("import", out).startswith("refused: 'runs.zip' is not a whole zip file")


def test_clean_tells_before_it_does(home, runs):
    folder = make_run(home, state="stopped")
    thrown = make_run(home, seed=1)
    runs("delete", thrown.digest)
    planned = runs("clean", "--days", "0", "--dry-run", "--json")
    assert planned["checkpoints_bytes"] == 1000
    assert folder.file("checkpoints").exists()
    said = runs("clean", "--days", "0")
    assert "checkpoints of 1 run 1.0 kB" in said
    assert not folder.file("checkpoints").exists()
    assert "no run in the trash" in runs("restore", thrown.digest)


def test_runs_go_to_mlflow(home, runs, empty_store):
    folder = make_run(home)
    make_scan(home)
    store = f"sqlite:///{shutil.copy(empty_store, home / 'store.db')}"
    told = runs("mlflow", "--all", "--to", store, "--json")
    assert (told["added"], told["present"]) == ([folder.digest], [])
    assert "0 runs written" in runs("mlflow", folder.digest[:9], "--to", store)


def test_a_list_of_several_tasks_says_of_each_number_what_it_is(home, runs):
    first, number = make_run(home), make_run(home, model=DIABETES)
    share = f"{100 * History(home).get(first.digest).accuracy:.1f} % ± "
    text = runs("list")
    assert f"accuracy {share}" in text
    assert re.search(r"mae \d+\.\d+ ± \d", text)
    assert re.search(r"removed +quality +MACs", text)
    assert runs("list", "--search", "mae", "--json")["total"] == 1
    listed = {row["digest"]: row for row in runs("list", "--order", "quality", "--json")["runs"]}
    assert list(listed) == [first.digest, number.digest]
    assert [each["metric"] for each in listed[number.digest]["quality"]] == ["mae", "mse", "r2"]
    assert listed[first.digest]["accuracy"] == listed[first.digest]["quality"][0]["pruned"]
    assert listed[number.digest]["accuracy"] is None
    shown = runs("show", number.digest)
    for title in ("mean absolute error", "mean squared error", "R²"):
        assert re.search(rf"{title} +[\d.]+ → [\d.]+ ± [\d.]+ \(147 inputs\)", shown), shown
    assert "accuracy" not in shown
    History(home).delete(number.digest)
    text = runs("list")
    assert re.search(r"removed +accuracy +MACs", text)
    assert share in text
    assert f"accuracy {share}" not in text
