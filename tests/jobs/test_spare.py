"""A job that ends leaves a spare process behind, in which the next one begins at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest

from pruneviz import jobs
from pruneviz.history.curve import read_curve
from pruneviz.history.folder import RunFolder, Status, runs_directory
from pruneviz.jobs import spare, start
from pruneviz.sensitivity import read_points
from pruneviz.store import MASKS_FILE, WEIGHTS_FILE, read_report
from tests.jobs.test_jobs import end, expected, points, until
from tests.slow import wait_until


@pytest.fixture
def spares(bench, monkeypatch):
    """Let jobs leave spares, and end those that are left."""
    monkeypatch.setenv(spare.SECONDS_VARIABLE, "600")
    yield bench
    for process in psutil.process_iter(["cmdline"]):
        if str(bench.home.resolve()) in (process.info["cmdline"] or ()):
            process.kill()
            process.wait(10)


def waits(bench):
    return lambda: spare.is_waiting(bench.home)


def test_the_next_job_begins_in_a_spare_process_and_computes_the_same(spares):
    assert start.seconds(spares.home) == start.USUAL[start.COLD]
    first = spares.scan()
    assert end(first) == "finished"
    assert start.seconds(spares.home) != start.USUAL[start.COLD]  # as this one took
    wait_until(waits(spares), "for a spare")
    assert start.seconds(spares.home) == start.USUAL[start.WARM]
    ready = next((runs_directory(spares.home) / spare.DIRECTORY).glob("*.ready"))
    pid = int(ready.name.partition(".")[0])
    second = spares.scan(seed=1)
    assert end(second) == "finished"
    assert second.status().pid == pid != first.status().pid
    plan = spares.plan.changed(seed=1)
    pd.testing.assert_frame_equal(points(second), expected(plan))
    assert second.file("log.txt").exists()


# What its training draws at random: the order of the inputs, and which neurons drop out.
DROPPING = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))
"""


def test_a_training_in_a_spare_process_is_that_of_a_fresh_one_to_the_bit(spares, tmp_path):
    (tmp_path / "dropping.py").write_text(DROPPING)
    training = {"method": "finetune", "parameters": {"epochs": 2, "batch_size": 5}}
    plan = spares.plan.changed(model=f"python:{tmp_path}/dropping.py:build", sparsity=0.4, seed=3,
                               weights_sha256=None, recovery=[training])  # fmt: skip
    fresh = jobs.submit(spares.home, "run", plan)
    assert end(fresh) == "finished"
    wait_until(waits(spares), "for a spare")
    kept = RunFolder(shutil.copytree(fresh.path, tmp_path / "fresh"))
    shutil.rmtree(fresh.path)  # or it would not be computed again
    ready = next((runs_directory(spares.home) / spare.DIRECTORY).glob("*.ready"))
    again = jobs.submit(spares.home, "run", plan)
    assert end(again) == "finished"
    assert again.status().pid == int(ready.name.partition(".")[0]) != kept.status().pid
    for file in (WEIGHTS_FILE, MASKS_FILE):
        assert again.file(file).read_bytes() == kept.file(file).read_bytes()
    assert [row.epoch for row in read_curve(kept)][-2:] == [1, 2]
    assert read_curve(again) == read_curve(kept)
    assert read_report(again.path).deterministic() == read_report(kept.path).deterministic()


def test_a_spare_that_was_killed_keeps_no_job_from_beginning(spares):
    assert end(spares.scan()) == "finished"
    wait_until(waits(spares), "for a spare")
    directory = runs_directory(spares.home) / spare.DIRECTORY
    ready = next(directory.glob("*.ready"))
    process = psutil.Process(int(ready.name.partition(".")[0]))
    process.kill()
    wait_until(lambda: not process.is_running() or process.status() == "zombie")
    assert end(spares.scan(seed=1)) == "finished"


def test_a_job_in_a_spare_can_be_stopped_and_goes_on(spares):
    assert end(spares.scan()) == "finished"
    wait_until(waits(spares), "for a spare")
    spares.hold_after(20)
    folder = spares.scan(seed=1)
    spares.until_held()
    jobs.cancel(folder)
    spares.pace(0)
    assert end(folder) == "stopped"
    jobs.resume(folder)
    assert end(folder) == "finished"
    pd.testing.assert_frame_equal(
        read_points(folder.file("points.csv")), expected(spares.plan.changed(seed=1))
    )


def test_a_spare_of_another_environment_is_left_alone(tmp_path):
    directory = runs_directory(tmp_path) / spare.DIRECTORY
    directory.mkdir(parents=True)
    command = [sys.executable, "-c", "import time; time.sleep(600)", spare.WORKER]
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: spare.WORKER in psutil.Process(process.pid).cmdline())
        ready = directory / f"{process.pid}.{spare._digest({'a': '1'})}{spare.READY}"
        ready.touch()
        folder = spare.RunFolder(runs_directory(tmp_path) / ("0" * 64))
        assert not spare.hand_over(folder, tmp_path, {"a": "2"})
        assert ready.exists()
        began = time.monotonic()
        assert not spare.hand_over(folder, tmp_path, {"a": "1"})  # it never answers
        assert time.monotonic() - began >= spare.TAKE_SECONDS
        assert list(directory.iterdir()) == []
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("given", ["-1", "soon", ""])
def test_a_time_that_is_none_is_refused(monkeypatch, given):
    monkeypatch.setenv(spare.SECONDS_VARIABLE, given)
    with pytest.raises(ValueError, match=r"PRUNEVIZ_SPARE_SECONDS must be a whole number"):
        spare.seconds()


def test_a_bar_fills_while_a_job_loads_and_ends_full():
    shares = [0.0, 0.2, 0.6, 0.8, 1.0]
    bars = [Status(state="running", loaded=share).bar() for share in shares]
    assert bars == sorted(set(bars))
    assert bars[0] == 0.0
    assert Status(state="running", loaded=1.0, fraction=0.5).bar() > bars[-1]
    assert Status(state="finished", fraction=1.0).bar() == 1.0


def test_a_job_says_what_it_loads(bench):
    bench.hold_after(0)
    folder = bench.scan()
    bench.until_held()
    status = until(folder, lambda now: now.loaded > 0)
    assert status.state == "running"
    assert "loading" in status.sentence or "scoring" in status.sentence
    assert 0 < status.bar() < 0.1
    bench.pace(0)
    assert end(folder) == "finished"
