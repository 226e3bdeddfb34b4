"""The kinds of scans: what is asked of them, what they leave, and how they go on."""

from __future__ import annotations

import json
import zipfile

import pandas as pd
import pytest

from pruneviz import run
from pruneviz.analyses import scans
from pruneviz.history.archive import export_runs, import_runs
from pruneviz.history.folder import RunFolder, Spec, Status, run_digest, runs_directory, write_json
from pruneviz.history.index import History
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import kind
from pruneviz.jobs.scans import budget_bytes
from pruneviz.plan import Plan
from pruneviz.sensitivity import (
    read_classes,
    read_notes,
    read_pairs,
    read_points,
    read_probes,
    read_thresholds,
)
from pruneviz.subjects import load_subject
from tests.slow import SlowNetwork

ASKED = {
    "sensitivity": {"levels": "0.25,0.5"},
    "thresholds": {"loss": 0.1},
    "interactions": {"level": 0.5, "pairs": 3},
}
FILES = {
    "sensitivity": {
        "points.csv": read_points, "baseline.csv": read_points, "classes.csv": read_classes,
        "baseline_classes.csv": read_classes,
    },
    "thresholds": {"probes.csv": read_probes, "thresholds.csv": read_thresholds},
    "interactions": {"pairs.csv": read_pairs},
}  # fmt: skip


@pytest.fixture
def begin(tmp_path):
    """Return what makes the folder of a job that this process then does itself."""
    plan = SlowNetwork(tmp_path).plan
    plan = run.bind(plan, load_subject(plan))

    def begun(name, settings=None, home="home", **options):
        found = kind(name)
        asked = found.settings(settings if settings is not None else ASKED[name])
        essential = found.essential(plan)
        folder = RunFolder(runs_directory(tmp_path / home) / run_digest(name, essential, asked))
        folder.path.mkdir(parents=True)
        spec = Spec(kind=name, plan=essential, settings=asked, options=options)
        write_json(folder.file("job.json"), spec.model_dump(mode="json"))
        return folder

    return begun


def work(folder, steps=999):
    """Do a job for so many steps, as its process does, and stop it there."""
    spec, context = folder.spec(), Context(folder)
    for _, progress in zip(range(steps), kind(spec.kind).work(spec, context), strict=False):
        assert 0 < progress.done <= progress.total
    context.flush()
    return spec


def left(folder):
    """Return all tables that a job left."""
    return {name: read(folder.file(name)) for name, read in FILES[folder.spec().kind].items()}


@pytest.mark.parametrize("name", ASKED)
def test_a_scan_leaves_what_the_engine_measures_also_when_it_was_stopped(begin, name):
    folder = begin(name)
    spec = work(folder)
    prepared = run.prepare(load_subject(spec.plan), spec.plan)
    engine = {
        "sensitivity": lambda: scans.scan(prepared, (0.25, 0.5)),
        "thresholds": lambda: scans.search(prepared, 0.1),
        "interactions": lambda: scans.interactions(prepared, 0.5, 3),
    }[name]()
    while not engine.finished:
        engine.step()
    tables = left(folder)
    first = next(reversed(tables)) if name == "thresholds" else next(iter(tables))
    pd.testing.assert_frame_equal(tables[first], engine.table())
    assert all(len(table) for table in tables.values())
    assert kind(name).has_result(folder)

    for stop in (1, 2):
        again = begin(name, home=f"home{stop}")
        assert not kind(name).has_result(again)
        work(again, stop)
        assert len(next(iter(left(again).values()))) <= stop
        work(again)
        assert "going on from the checkpoint" in again.file("log.txt").read_text()
        for file, table in tables.items():
            pd.testing.assert_frame_equal(left(again)[file], table)
        assert read_notes(again) == read_notes(folder)


def test_what_is_as_usual_leaves_the_digest_as_it_was(begin):
    spell = kind("sensitivity").settings
    usual = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9"
    assert spell({}) == spell({"recalibrate": False, "levels": usual}) == {}
    assert spell({"levels": " 0.10, 0.5 "}) == spell({"levels": "0.1,0.5"}) == {"levels": "0.1,0.5"}
    assert kind("thresholds").settings({"recalibrate": False}) == {"loss": 0.02}
    asked = kind("interactions").settings({"pairs": 60.0, "recalibrate": False})
    assert asked == {"level": 0.5, "pairs": 60}
    for name in ASKED:
        assert kind(name).settings({"recalibrate": True})["recalibrate"] is True


@pytest.mark.parametrize("levels", ["0.5", 0.5, "0.125,0.5,1"])
def test_settings_come_back_from_their_file_as_they_were(begin, levels):
    folder = begin("sensitivity", {"levels": levels, "recalibrate": True})
    spec = folder.spec()
    assert run_digest(spec.kind, spec.plan, spec.settings) == folder.digest
    assert kind("sensitivity").settings(spec.settings) == spec.settings


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("sensitivity", {"levels": "0.5,0.2"}, "each larger than the one before"),
        ("sensitivity", {"levels": "0.5,0.5"}, "each larger than the one before"),
        ("sensitivity", {"levels": "0.5,half"}, "levels read 0.1,0.2,0.5, got '0.5,half'"),
        ("sensitivity", {"levels": True}, "levels read"),
        ("sensitivity", {"recalibrate": 1}, "must be true or false, got 1"),
        ("sensitivity", {"loss": 0.1}, "has no setting 'loss'; it takes levels, recalibrate"),
        ("thresholds", {"recalibrate": "yes"}, "must be true or false, got 'yes'"),
        ("interactions", {"recalibrate": 0}, "must be true or false, got 0"),
        ("thresholds", {"loss": 0}, "'loss' must be a fraction above 0 and at most 1, got 0"),
        ("thresholds", {"loss": 2}, "'loss' must be a fraction above 0 and at most 1, got 2"),
        ("interactions", {"level": "most"}, "'level' must be a fraction"),
        ("interactions", {"pairs": 0}, "'pairs' must be a whole number from 1, got 0"),
        ("interactions", {"pairs": 2.5}, "'pairs' must be a whole number from 1, got 2.5"),
        ("interactions", {"pairs": float("inf")}, "'pairs' must be a whole number from 1, got inf"),
        ("interactions", {"pairs": float("nan")}, "'pairs' must be a whole number from 1, got nan"),
    ],
)
def test_settings_that_cannot_be_get_a_sentence(name, settings, words):
    with pytest.raises(ValueError, match=words):
        kind(name).settings(settings)


def test_a_budget_is_an_option_and_changes_no_number(begin):
    free, narrow = begin("sensitivity"), begin("sensitivity", home="narrow", budget_mb=0.00001)
    assert free.digest == narrow.digest
    work(free)
    work(narrow)
    assert read_notes(free) == ()
    assert "does not hold all values" in read_notes(narrow)[0]
    pd.testing.assert_frame_equal(left(free)["points.csv"], left(narrow)["points.csv"])


def test_a_budget_that_is_none_gets_a_sentence():
    for wrong in (-1, "much", True):
        spec = Spec(kind="sensitivity", plan=Plan(), options={"budget_mb": wrong})
        with pytest.raises(ValueError, match=f"must be 0 MB or more, got {wrong}"):
            budget_bytes(spec)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("thresholds", {"loss": 0.3}), ("interactions", {"level": 0.5, "pairs": 1})],
)
def test_a_checkpoint_of_other_settings_is_not_used(begin, name, settings):
    folder = begin(name)
    work(folder, 2)
    other = begin(name, settings)
    folder.file("checkpoints").rename(other.file("checkpoints"))
    work(other)
    assert "is not used: it is one of other settings" in other.file("log.txt").read_text()


@pytest.mark.parametrize("name", ASKED)
def test_scans_travel_in_a_zip_file(begin, tmp_path, name):
    folder = begin(name)
    work(folder)
    folder.write_status(Status(state="finished"))
    archive = tmp_path / "runs.zip"
    export_runs(History(tmp_path / "home"), [folder.digest], archive)
    with zipfile.ZipFile(archive) as packed:
        assert {f"{folder.digest}/{file}" for file in FILES[name]} <= set(packed.namelist())
    import_runs(History(tmp_path / "elsewhere"), archive)
    for file in FILES[name]:
        there = RunFolder(runs_directory(tmp_path / "elsewhere") / folder.digest)
        assert there.file(file).read_bytes() == folder.file(file).read_bytes()
    assert json.loads(there.file("job.json").read_text())["kind"] == name


DAMAGE = {
    "cut short": lambda text: text[:-3],
    "no number": lambda text: text.replace(",0", ",abc0", 1),
    "empty": lambda text: "",
    "half a line": lambda text: text + "conv1,0.5\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ASKED)
def test_a_scan_with_a_damaged_file_is_no_result_and_is_measured_again(begin, name, damage):
    folder = begin(name)
    work(folder)
    before = left(folder)
    for file in [*FILES[name], "notes.json"]:
        path = folder.file(file)
        if not path.exists() or (file == "notes.json" and damage != "empty"):
            continue
        whole = path.read_text()
        path.write_text(DAMAGE[damage](whole))
        assert not kind(name).has_result(folder), file
        path.write_text(whole)
        assert kind(name).has_result(folder)
    path = folder.file(next(iter(FILES[name])))
    path.write_text(DAMAGE[damage](path.read_text()))
    for file in folder.file("checkpoints").glob("*"):
        file.unlink()  # as they are when a job is finished
    work(folder)
    for file, table in before.items():
        pd.testing.assert_frame_equal(left(folder)[file], table)


def test_points_of_half_a_layer_are_no_result(begin):
    folder = begin("sensitivity")
    work(folder)
    path = folder.file("points.csv")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert not kind("sensitivity").has_result(folder)


def test_a_checkpoint_of_another_version_is_passed_over(begin):
    folder = begin("sensitivity")
    context = Context(folder)
    context.save(
        1, {"settings": dict(folder.spec().settings), "points": [{"layer": "a", "odd": 1}]}
    )
    context.save(2, {"settings": dict(folder.spec().settings)})
    work(folder)
    assert kind("sensitivity").has_result(folder)
    assert folder.file("log.txt").read_text().count("is not used") == 2
