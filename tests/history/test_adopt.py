"""A run that was written elsewhere comes into the history whole, once."""

from __future__ import annotations

import json
import shutil

import pytest
from filelock import FileLock

from pruneviz.history.adopt import adopt
from pruneviz.history.curve import read_curve
from pruneviz.history.folder import CHECKPOINTS
from pruneviz.history.index import History
from pruneviz.store import FILES
from tests.history.folders import computed, make_run


@pytest.fixture
def made(tmp_path):
    """A folder as `pruneviz run --out` writes it, the run of `make_run(home)`."""
    return shutil.copytree(computed()[0], tmp_path / "made")


def edit(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def assert_holds(folder, made):
    for path in made.iterdir():
        assert folder.file(path.name).read_bytes() == path.read_bytes()


def test_a_run_is_adopted_once_and_whole(home, made):
    folder = adopt(home, made)
    assert_holds(folder, made)
    spec = folder.file("job.json").read_bytes()
    assert adopt(home, made).file("job.json").read_bytes() == spec
    (row,) = History(home).search()
    report = json.loads((made / "report.json").read_text())
    assert (row.digest, row.state, row.damage) == (report["digest"], "finished", "")
    assert row.accuracy == report["accuracy"]["pruned"]


def test_a_folder_without_a_run_is_refused(tmp_path, home):
    with pytest.raises(ValueError, match="cannot be read"):
        adopt(home, tmp_path)
    assert not home.exists()


@pytest.mark.parametrize("digest", ["../../elsewhere", "/tmp/elsewhere", "0" * 64, "", "x" * 64])
def test_a_report_that_names_another_digest_is_refused(home, made, digest):
    edit(made / "report.json", digest=digest)
    with pytest.raises(ValueError, match="not that of its own plan"):
        adopt(home, made)
    assert sorted(path.name for path in home.parent.iterdir()) == ["made"]


def test_a_plan_of_another_run_is_refused(home, made):
    plan = (made / "plan.yaml").read_text()
    (made / "plan.yaml").write_text(plan.replace("sparsity: 0.3", "sparsity: 0.4"))
    with pytest.raises(ValueError, match="are of two runs"):
        adopt(home, made)
    assert not home.exists()


@pytest.mark.parametrize("state", ["stopped", "failed", "running"])
def test_a_run_that_was_stopped_gets_the_result(home, made, state):
    folder = make_run(home, state=state, parent="a" * 64)
    folder.file("curve.json").write_text("[")
    with FileLock(folder.file("lock")), pytest.raises(ValueError, match="is being computed: wait"):
        adopt(home, made)
    assert folder.status().state == state
    assert not any(folder.file(name).exists() for name in FILES)
    assert adopt(home, made).digest == folder.digest
    assert_holds(folder, made)
    assert read_curve(folder) == ()
    assert not folder.file(CHECKPOINTS).exists()
    (row,) = History(home).search()
    assert (row.state, row.damage, row.parent) == ("finished", "", "a" * 64)


def test_a_run_whose_result_is_damaged_gets_a_whole_one(home, made):
    folder = make_run(home)
    folder.file("report.json").write_text("{")
    folder.file("job.json").write_text("{")
    adopt(home, made)
    assert_holds(folder, made)
    assert History(home).get(folder.digest).damage == ""


def test_a_place_that_nothing_can_be_written_to_is_said(home, made):
    home.write_text("a file")
    with pytest.raises(ValueError, match="cannot be kept in"):
        adopt(home, made)
