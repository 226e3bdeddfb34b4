"""A run in a folder: all of it or nothing, and never parts of two."""

from __future__ import annotations

from pathlib import Path

import pytest

from pruneviz import run as engine
from pruneviz import store
from pruneviz.plan import Plan
from pruneviz.store import FILES, read_plan, read_report, write_run, write_text


@pytest.fixture(scope="module")
def runs():
    plans = (Plan(model="sample:tumour-mlp", sparsity=s) for s in (0.25, 0.5))
    return [engine.run(plan, latency_runs=3) for plan in plans]


def names(folder):
    return {path.name for path in folder.iterdir()}


def refuse(*arguments):
    raise ValueError("it cannot be written down")


def test_a_run_is_read_as_it_was_written(runs, tmp_path):
    assert write_run(tmp_path / "new", *runs[0]) == []
    assert names(tmp_path / "new") == set(FILES)
    assert read_report(tmp_path / "new") == runs[0][2]
    assert read_plan(tmp_path / "new") == runs[0][2].plan


def test_nothing_of_the_run_before_is_left(runs, tmp_path, monkeypatch):
    write_run(tmp_path, *runs[0])
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="holds another run"):
        write_run(tmp_path, *runs[1])
    monkeypatch.setattr(store, "write_network", refuse)
    (note,) = write_run(tmp_path, *runs[1], force=True)
    assert "no recipe.json" in note
    assert names(tmp_path) == {*FILES, "notes.txt"} - {"recipe.json"}
    assert read_report(tmp_path).digest == runs[1][2].digest


@pytest.mark.parametrize("stop", range(len(FILES)))
def test_an_interrupted_run_has_no_report(runs, tmp_path, monkeypatch, stop):
    write_run(tmp_path, *runs[0])
    replaced = []

    def replace(path, target, real=Path.replace):
        if len(replaced) == stop:
            raise OSError(28, "No space left on device")
        replaced.append(target.name)
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(ValueError, match=r"cannot be written to .*No space left"):
        write_run(tmp_path, *runs[1], force=True)
    assert names(tmp_path) == set(replaced)
    assert "report.json" not in replaced


def test_a_broken_report_is_overwritten_by_force_alone(runs, tmp_path):
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(ValueError, match=r"is not JSON.*overwrite it with --force"):
        write_run(tmp_path, *runs[0])
    write_run(tmp_path, *runs[0], force=True)
    assert read_report(tmp_path) == runs[0][2]


def test_a_text_is_written_whole_or_not_at_all(tmp_path):
    write_text(tmp_path / "a.csv", "old")
    write_text(tmp_path / "a.csv", "new")
    assert (tmp_path / "a.csv").read_text() == "new"
    with pytest.raises(ValueError, match="cannot be written: No such file"):
        write_text(tmp_path / "gone" / "a.csv", "new")
    assert names(tmp_path) == {"a.csv"}
