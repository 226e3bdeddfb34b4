"""Deleting can be undone, and what is cleaned up is never a result."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock

from pruneviz.history.folder import CHECKPOINTS
from pruneviz.history.index import History
from pruneviz.history.row import read_row
from pruneviz.history.trash import EMPTYING, empty_trash, thrown_away, trashed
from pruneviz.history.usage import LIMIT_VARIABLE, clean_up, limit_bytes, measure_usage
from tests.history.folders import make_run, rows_of_folders


def content(folder):
    return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}


def test_a_deleted_run_comes_back_as_it_was(home):
    folder = make_run(home)
    history = History(home)
    row, files = history.label(folder.digest, name="x", tags=["y"]), content(folder)
    history.delete(folder.digest)
    assert history.search() == []
    assert [thrown.digest for thrown in trashed(history.directory)] == [folder.digest]
    assert history.restore(folder.digest) == row
    assert {name: content(folder)[name] for name in files} == files
    assert trashed(history.directory) == []


def test_a_run_deleted_again_leaves_the_first_in_the_trash(home):
    history = History(home)
    for name in ("old", "new"):
        folder = make_run(home)
        history.label(folder.digest, name=name)
        history.delete(folder.digest)
    assert measure_usage(history).trashed == 2
    assert [thrown.digest for thrown in trashed(history.directory)] == [folder.digest]
    assert history.restore(folder.digest).name == "new"
    assert history.restore(folder.digest).name == "old"


def test_a_failed_run_never_costs_the_good_one_in_the_trash(home):
    folder = make_run(home)
    history = History(home)
    history.label(folder.digest, name="good")
    good = content(folder)
    history.delete(folder.digest)
    make_run(home, state="failed")
    with FileLock(folder.file("lock")), pytest.raises(ValueError, match="stop it first"):
        history.restore(folder.digest)
    assert history.restore(folder.digest).name == "good"
    assert content(folder).items() >= good.items()
    (thrown,) = trashed(history.directory)
    assert read_row(thrown.path).state == "failed"
    assert history.restore(folder.digest).state == "failed"
    history.delete(folder.digest)
    assert history.count() == 0
    assert sorted(read_row(each.path).name for each in thrown_away(history.directory)) == [
        "",
        "good",
    ]
    assert clean_up(history, dry_run=True).trash_bytes == empty_trash(history.directory)
    assert thrown_away(history.directory) == []


def test_what_an_earlier_version_put_into_the_trash_is_there(home):
    folder = make_run(home)
    history = History(home)
    (history.directory / ".trash").mkdir()
    folder.path.rename(history.directory / ".trash" / folder.digest)
    assert trashed(history.directory)[0].digest == folder.digest
    make_run(home, state="failed")
    assert history.restore(folder.digest).state == "finished"


def test_a_swap_that_fails_leaves_both_runs(home, monkeypatch):
    folder = make_run(home)
    history = History(home)
    history.delete(folder.digest)
    make_run(home, state="failed")
    rename, renamed = Path.rename, []

    def once(path, goal):
        renamed.append(path)
        if len(renamed) == 2:
            raise OSError(28, "No space left on device")
        return rename(path, goal)

    monkeypatch.setattr(Path, "rename", once)
    with pytest.raises(ValueError, match="cannot be restored: No space left"):
        history.restore(folder.digest)
    monkeypatch.undo()
    assert history.record(folder.digest).state == "failed"
    assert history.restore(folder.digest).state == "finished"


def test_what_cannot_be_deleted_or_restored_is_said(home):
    folder = make_run(home)
    history = History(home)
    with FileLock(folder.file("lock")), pytest.raises(ValueError, match="stop it first"):
        history.delete(folder.digest)
    with pytest.raises(ValueError, match="not in the trash"):
        history.restore(folder.digest)
    history.delete(folder.digest)
    with pytest.raises(ValueError, match="there is no run"):
        history.delete(folder.digest)
    for digest in ("../..", "x" * 64):
        for refuse in (history.delete, history.restore):
            with pytest.raises(ValueError, match="64 digits"):
                refuse(digest)


def test_the_trash_is_emptied_for_good(home):
    folders = [make_run(home, seed=seed) for seed in range(3)]
    history = History(home)
    for folder in folders[:2]:
        history.delete(folder.digest)
    size = sum(folder.size_bytes() for folder in trashed(history.directory))
    (history.directory / f"{EMPTYING}left").mkdir()
    assert empty_trash(history.directory) == size
    assert empty_trash(history.directory) == 0
    assert not list(history.directory.glob(f"{EMPTYING}*"))
    assert [row.digest for row in history.search()] == [folders[2].digest]


def age(folder, days):
    """Make everything in a run's folder so old."""
    for path in [*folder.path.rglob("*"), folder.path]:
        when = path.stat().st_mtime - days * 86_400
        os.utime(path, (when, when))


def test_usage_is_what_lies_on_the_disk(home, monkeypatch):
    done, stopped, thrown = make_run(home), make_run(home, 1, "stopped"), make_run(home, 2)
    history = History(home)
    history.delete(thrown.digest)
    usage = measure_usage(history)
    assert (usage.runs, usage.trashed) == (2, 1)
    assert usage.runs_bytes == done.size_bytes() + stopped.size_bytes()
    assert usage.trash_bytes == sum(f.size_bytes() for f in trashed(history.directory))
    assert usage.checkpoints_bytes == 1000
    assert usage.limit_bytes == 20_000_000_000
    assert usage.over_bytes == 0
    assert usage.sentence.startswith("2 runs take ")
    stopped.file(f"{CHECKPOINTS}/2.pt").write_bytes(bytes(5000))  # unseen by the index
    assert measure_usage(history).checkpoints_bytes == 6000
    monkeypatch.setenv(LIMIT_VARIABLE, "0.00001")
    usage = measure_usage(history)
    assert usage.over_bytes == usage.runs_bytes + usage.trash_bytes - 10_000
    assert "more than the 10.0 kB meant for them (PRUNEVIZ_RUNS_LIMIT_GB)" in usage.sentence


@pytest.mark.parametrize("text", ["", "much", "-1", "0", "nan", "inf"])
def test_a_limit_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    with pytest.raises(ValueError, match="must be a number of GB above 0"):
        limit_bytes()


def test_cleaning_takes_old_checkpoints_and_never_a_result(home):
    done, thrown = make_run(home), make_run(home, 1)
    done.file(CHECKPOINTS).mkdir()
    done.file(f"{CHECKPOINTS}/1.pt").write_bytes(bytes(10))
    stopped = {state: make_run(home, seed, state) for seed, state in
               enumerate(["stopped", "failed", "running", "queued"], start=2)}  # fmt: skip
    alive, young = make_run(home, 8, "running"), make_run(home, 9, "stopped")
    for folder in (done, alive, *stopped.values()):
        age(folder, 31)
    history = History(home)
    history.delete(thrown.digest)
    left = history.directory / ".new-left"
    left.mkdir()
    os.utime(left, (0, 0))
    files = content(done)
    with FileLock(alive.file("lock")):
        planned = clean_up(history, dry_run=True)
        assert left.exists()
        assert trashed(history.directory)
        assert all(folder.file(CHECKPOINTS).exists() for folder in stopped.values())
        cleaned = clean_up(history)
    assert cleaned == planned
    assert set(cleaned.runs) == {folder.digest for folder in stopped.values()}
    assert cleaned.checkpoints_bytes == 4000
    assert cleaned.freed_bytes == cleaned.trash_bytes + 4000
    assert trashed(history.directory) == []
    assert not left.exists()
    assert not any(folder.file(CHECKPOINTS).exists() for folder in stopped.values())
    assert alive.file(CHECKPOINTS).exists()
    assert young.file(CHECKPOINTS).exists()
    assert content(done) == files
    assert done.file(f"{CHECKPOINTS}/1.pt").exists()
    assert {row.digest for row in history.search()} == {r.digest for r in rows_of_folders(home)}
    assert set(clean_up(history, days=0).runs) == {young.digest, alive.digest}
    for wrong in (-1, float("nan"), 1e9):
        with pytest.raises(ValueError, match="number of days"):
            clean_up(history, days=wrong)
