"""Several processes at once, processes that are killed, full disks, folders that are read-only."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pruneviz.history import database
from pruneviz.history.database import INDEX_FILE
from pruneviz.history.folder import runs_directory
from pruneviz.history.index import History
from pruneviz.history.row import DAMAGED
from tests.history.folders import make_run, rows_of_folders
from tests.history.mounts import full, read_only, small_disk
from tests.history.test_index import indexed
from tests.slow import WAIT_SECONDS

ROOT = Path(__file__).parents[2]


def start(home, source, seed, steps):
    command = [sys.executable, "-m", "tests.history.worker", home, source, seed, steps]
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def source(tmp_path):
    """A folder with ten runs to copy from."""
    for seed in range(10):
        make_run(tmp_path / "source", seed=seed)
    return runs_directory(tmp_path / "source")


def whole_and_unharmed(home, source):
    """The index is what the folders are, every run is somewhere, and none is harmed."""
    history = History(home)
    assert indexed(history) == rows_of_folders(home)
    assert not [row.damage for row in history.search() if row.damage]
    there = [*history.directory.iterdir(), *(history.directory / ".trash").iterdir()]
    for path in source.iterdir():
        copies = [copy for copy in there if copy.name.startswith(path.name)]
        assert copies
        for copy in copies:
            weights = (copy / "weights.safetensors").read_bytes()
            assert weights == (path / "weights.safetensors").read_bytes()


def test_four_processes_at_once_leave_the_index_as_the_folders(home, source):
    for path in source.iterdir():
        shutil.copytree(path, runs_directory(home) / path.name)
    started = [start(home, source, seed, 40) for seed in range(4)]
    for process in started:
        _, errors = process.communicate(timeout=WAIT_SECONDS)
        assert process.returncode == 0, errors.decode()
    whole_and_unharmed(home, source)


def test_killed_processes_leave_the_index_as_the_folders(home, source):
    for path in source.iterdir():
        shutil.copytree(path, runs_directory(home) / path.name)
    chance = random.Random(0)
    for turn in range(5):
        started = [start(home, source, 10 * turn + seed, 10_000) for seed in range(2)]
        for process in started:
            assert process.stdout.readline() == b"begun\n", process.stderr.read().decode()
        time.sleep(chance.random())
        for process in started:
            assert process.poll() is None, process.stderr.read().decode()
            process.kill()
            process.communicate()
    whole_and_unharmed(home, source)


def test_a_full_disk_is_said_and_reads_still_work(tmp_path):
    with small_disk(tmp_path / "disk", 3) as disk:
        folders = [make_run(disk, seed=seed) for seed in range(3)]
        rows = History(disk).label(folders[0].digest, name="kept") and History(disk).search()
        for is_new in (False, True):
            if is_new:
                (runs_directory(disk) / INDEX_FILE).unlink()
            with full(disk):
                history = History(disk)
                assert history.search() == rows
                assert history.get("kept") == rows[-1]
                assert history.count(state="finished") == 3
                with pytest.raises(ValueError, match="cannot be written: No space left"):
                    history.label(folders[0].digest, note="x" * 2000)
                assert history.search() == rows
        assert History(disk).note == ""
        assert History(disk).search() == rows


def test_an_index_opened_before_the_disk_was_full_goes_on_in_memory(tmp_path):
    with small_disk(tmp_path / "disk", 3) as disk:
        make_run(disk, seed=0)
        history = History(disk)
        late = make_run(disk, seed=1)
        assert history.count() == 1
        with full(disk):
            assert history.record(late.digest).seed == 1
            assert "kept in memory" in history.note
            assert history.count() == 2
            history.sync()
            assert "kept in memory" in history.note
        history.sync()
        assert history.note == ""
        assert indexed(history) == rows_of_folders(disk)
        assert History(disk).search() == history.search()


def test_a_read_only_folder_is_said_and_reads_still_work(home):
    folders = [make_run(home, seed=seed) for seed in range(2)]
    rows = History(home).search()
    for is_new in (False, True):
        if is_new:
            (runs_directory(home) / INDEX_FILE).unlink()
        with read_only(home):
            history = History(home)
            assert history.search() == rows
            assert "kept in memory" in history.note
            with pytest.raises(ValueError, match="cannot be deleted: "):
                history.delete(folders[0].digest)
            with pytest.raises(ValueError, match="cannot be written: "):
                history.label(folders[0].digest, name="x")
            history.rebuild()
            assert history.search() == rows
            assert history.note.count("cannot be written") == 1
        history.rebuild()
        assert history.note == ""
        assert indexed(history) == rows_of_folders(home)


def test_an_index_that_cannot_be_a_file_is_kept_in_memory(home):
    make_run(home)
    (runs_directory(home) / INDEX_FILE).mkdir()
    history = History(home)
    assert "kept in memory" in history.note
    assert history.count() == 1
    make_run(home, seed=1)
    history.sync()
    assert history.count() == 2
    assert history.count(state=DAMAGED) == 0


def test_an_index_that_another_program_holds_is_said(home, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    make_run(home)
    history = History(home)
    other = sqlite3.connect(history.directory / INDEX_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ValueError, match="another program holds the index"):
        history.sync()
    other.close()
    assert history.count() == 1
