"""Long work survives what happens to it: each test breaks a job in another way."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from filelock import FileLock

from pruneviz import jobs, run
from pruneviz.analyses import scans
from pruneviz.history.folder import (
    CHECKPOINTS,
    LOCK_FILE,
    RunFolder,
    Spec,
    run_digest,
    runs_directory,
    scan_plan,
)
from pruneviz.jobs import slots, worker
from pruneviz.plan import Plan
from pruneviz.sensitivity import read_points
from pruneviz.subjects import load_subject
from tests.slow import WAIT_SECONDS, wait_until

SOME_PASSES = 24  # of a scan's, so that some of its points are measured, and not all
LAST_PASSES = 8  # of a job that was asked to stop: two points of a scan


def until(folder, condition):
    """Wait until a job's status fulfils a condition, and return it."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        status = folder.status()
        if status is not None and condition(status):
            return status
        time.sleep(0.02)
    raise AssertionError(f"waited in vain: {folder.status()}, log: {log(folder)}")


def log(folder):
    return folder.file("log.txt").read_text()


def end(folder):
    """Follow a job to its end and return its state."""
    for _ in jobs.follow(folder):
        pass
    return folder.state()


def points(folder):
    return read_points(folder.file("points.csv"))


def expected(plan):
    """Return what the engine itself measures."""
    scan = scans.scan(run.prepare(load_subject(plan), plan))
    while not scan.finished:
        scan.step()
    return scan.table()


def test_a_job_computes_what_the_engine_computes_and_is_not_computed_twice(bench, monkeypatch):
    (bench.folder / "pruneviz").mkdir()  # where one works, it is not taken for the program
    (bench.folder / "pruneviz" / "__init__.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(bench.folder)
    folder = bench.scan()
    assert folder.digest == run_digest("sensitivity", scan_plan(bench.plan))
    assert end(folder) == "finished"
    pd.testing.assert_frame_equal(points(folder), expected(bench.plan))
    before = folder.file("points.csv").stat().st_mtime_ns, folder.status()
    again = jobs.submit(bench.home, "sensitivity", bench.plan.changed(sparsity=0.5))
    assert again.digest == folder.digest
    assert (folder.file("points.csv").stat().st_mtime_ns, folder.status()) == before
    assert jobs.active(bench.home) == []
    assert not list(folder.file(CHECKPOINTS).glob("*"))
    environment = json.loads(folder.file("environment.json").read_text())
    assert environment["threads"] == jobs.control.default_threads()


def test_cancel_then_resume_goes_on_from_the_checkpoint(bench):
    for _ in range(3):  # a machine that is busy for a moment may make it late
        bench.hold_after(SOME_PASSES)
        folder = bench.scan()
        bench.until_held()
        begun, asked = bench.passes(), time.monotonic()
        jobs.cancel(folder)
        bench.pace(0.15)
        status = until(folder, lambda s: s.state == "stopped")
        took = time.monotonic() - asked
        until(folder, lambda s, job=folder: not job.alive())
        assert bench.passes() - begun <= LAST_PASSES
        assert jobs.active(bench.home) == []
        if took < 1.5:
            break
    assert took < 1.5
    done = len(points(folder))
    assert done > 0
    bench.pace(0)
    jobs.resume(folder)
    assert end(folder) == "finished"
    assert "going on from the checkpoint" in log(folder)
    assert folder.status().attempt == status.attempt + 1
    whole = points(folder)
    assert len(whole) > done
    pd.testing.assert_frame_equal(whole, expected(bench.plan))


def test_a_job_resumed_while_its_process_leaves_is_not_forgotten(bench):
    folder = bench.scan()
    jobs.cancel(folder)
    until(folder, lambda s: s.state in ("stopped", "finished") and not folder.alive())
    folder.write_status(folder.status().model_copy(update={"state": "stopped"}))
    leaving = FileLock(folder.file(LOCK_FILE), thread_local=False)
    leaving.acquire()
    threading.Timer(0.5, leaving.release).start()
    jobs.resume(folder)
    assert end(folder) == "finished"


def test_a_job_can_go_on_from_the_checkpoints_of_another(bench):
    bench.hold_after(SOME_PASSES)
    first = bench.scan()
    bench.until_held()
    jobs.cancel(first)
    bench.pace(0)
    assert end(first) == "stopped"
    plan = bench.plan.changed(seed=1)
    second = jobs.submit(bench.home, "sensitivity", plan, begin_from=first)
    assert end(second) == "finished"
    assert "going on from the checkpoint" in log(second)
    pd.testing.assert_frame_equal(points(second), expected(plan))
    assert list(first.file(CHECKPOINTS).glob("*")), "the first can still be resumed"


def test_a_job_cancelled_while_its_process_starts_is_not_computed(bench):
    folder = bench.scan()
    assert not folder.alive()  # a process takes longer to come up than to be asked for
    jobs.cancel(folder)
    assert folder.state() == "stopped"
    assert worker.work(folder) == 0
    assert folder.state() == "stopped"
    assert not points(folder).size


def test_a_killed_job_is_interrupted_and_resumes(bench):
    bench.hold_after(SOME_PASSES)
    folder = bench.scan()
    bench.until_held()
    os.kill(folder.status().pid, signal.SIGKILL)
    wait_until(lambda: folder.state() == "interrupted")
    assert [f.digest for f in jobs.active(bench.home)] == [folder.digest]
    bench.pace(0)
    jobs.resume(folder)
    assert end(folder) == "finished"


def test_a_job_that_hangs_is_killed_five_seconds_after_it_was_asked_to_stop(bench):
    bench.hold_after(SOME_PASSES)
    folder = bench.scan()
    bench.until_held()
    asked = time.monotonic()
    jobs.cancel(folder)
    assert end(folder) == "stopped"
    assert 4 < time.monotonic() - asked < 30
    wait_until(lambda: not folder.alive())


def test_two_at_once_share_one_job_and_one_process(bench):
    bench.pace(0.05)
    folders = []
    threads = [threading.Thread(target=lambda: folders.append(bench.scan())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({folder.digest for folder in folders}) == 1
    assert end(folders[0]) == "finished"
    assert folders[0].status().attempt == 1


def test_the_queue_runs_one_after_another_oldest_first_and_a_waiting_job_can_be_cancelled(bench):
    bench.hold_after(SOME_PASSES)
    first = bench.scan(seed=0)
    bench.until_held()
    second = bench.scan(seed=1)
    until(second, lambda s: "waiting" in s.sentence)
    third = bench.scan(seed=2)
    until(third, lambda s: s.sentence == "waiting for its turn, 1 ahead")
    assert psutil.Process(third.status().pid).memory_info().rss < 120e6
    jobs.cancel(second)
    until(second, lambda s: s.state == "stopped")
    bench.pace(0)
    assert end(first) == "finished"
    assert end(third) == "finished"
    assert third.status().started >= first.status().finished


def test_limits_end_a_job_with_a_remedy(bench):
    bench.hold_after(SOME_PASSES)  # or it ends before anybody looks at what it uses
    folder = bench.scan(memory_limit_gb=0.05)
    assert end(folder) == "failed"
    assert "raise the limit" in folder.status().error
    bench.pace(0)
    jobs.resume(folder, {"memory_limit_gb": 8})
    assert end(folder) == "finished"
    bench.hold_after(SOME_PASSES)
    other = bench.scan(seed=1, time_limit_hours=1 / 3600)
    assert end(other) == "failed"
    assert "higher limit" in other.status().error


def autogroup(pid):
    """Return the session as which Linux shares the processor out, with its niceness."""
    return Path(f"/proc/{pid}/autogroup").read_text().strip()


def test_a_job_has_a_lower_priority_than_the_server(bench, monkeypatch):
    monkeypatch.delenv(worker.NICENESS_VARIABLE)
    bench.hold_after(SOME_PASSES)
    folder = bench.scan()
    bench.until_held()
    status = folder.status()
    assert psutil.Process(status.pid).nice() > psutil.Process().nice()
    if worker.AUTOGROUP.exists():
        assert worker.AUTOGROUP.read_text().strip() != autogroup(status.pid)
        assert autogroup(status.pid).endswith(f"nice {worker.NICENESS}")


@pytest.mark.parametrize("given", ["-1", "20", "low", ""])
def test_a_niceness_that_is_none_is_refused(monkeypatch, given):
    monkeypatch.setenv(worker.NICENESS_VARIABLE, given)
    with pytest.raises(ValueError, match="PRUNEVIZ_JOB_NICENESS must be 0 to 19, got"):
        worker.niceness()


@pytest.mark.usefixtures("_jobs_here")
def test_what_goes_wrong_is_said(bench):
    plan = bench.plan.changed(data=None, data_sha256=None)
    folder = jobs.submit(bench.home, "sensitivity", plan)
    assert end(folder) == "failed"
    assert "name data" in folder.status().error
    with pytest.raises(ValueError, match="unknown kind of job 'dance'"):
        jobs.submit(bench.home, "dance", bench.plan)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(ValueError, match="no run can be kept"):
        jobs.submit(tmp_path / "home", "sensitivity", Plan())


def test_a_run_deleted_by_hand_leaves_the_list_of_active_ones(tmp_path):
    runs = runs_directory(tmp_path)
    (runs / ".active").mkdir(parents=True)
    (runs / ".active" / ("0" * 64)).touch()
    assert jobs.active(tmp_path) == []
    assert not (runs / ".active" / ("0" * 64)).exists()


def test_the_number_of_slots_is_checked(monkeypatch):
    monkeypatch.setenv(slots.LIMIT_VARIABLE, "many")
    with pytest.raises(ValueError, match="PRUNEVIZ_PARALLEL_JOBS must be a whole number"):
        slots.parallel_jobs()


def test_a_damaged_status_or_job_is_no_end(bench):
    folder = RunFolder(runs_directory(bench.home) / ("1" * 64))
    folder.path.mkdir(parents=True)
    folder.file("job.json").write_text("{")
    folder.file("status.json").write_text("")
    jobs.resume(folder)
    until(folder, lambda s: s.state == "failed")
    assert "job.json is missing or damaged" in folder.status().error


def lives(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def process_of(folder):
    """Return the process of a job; for a moment after its start its command line is empty."""
    mine = psutil.Process()
    wait_until(lambda: any(str(folder.path) in p.cmdline() for p in mine.children() if lives(p)))
    return next(p for p in mine.children() if lives(p) and str(folder.path) in p.cmdline())


def test_a_run_that_is_deleted_while_its_process_starts_stays_deleted(bench):
    folder = bench.scan()
    process = process_of(folder)
    shutil.rmtree(folder.path)
    while lives(process):
        assert not folder.file("status.json").exists()
        time.sleep(0.02)
    assert not folder.path.exists()


@pytest.mark.usefixtures("_jobs_here")
def test_a_finished_scan_without_its_points_is_scanned_again(bench):
    folder = bench.scan()
    assert end(folder) == "finished"
    folder.file("points.csv").write_text("layer\nbroken")
    again = bench.scan()
    assert end(again) == "finished"
    pd.testing.assert_frame_equal(points(again), expected(bench.plan))
    before = again.status()
    jobs.resume(again)  # by someone who looked at it before it ended
    assert again.status() == before


@pytest.mark.usefixtures("_jobs_here")
def test_a_damaged_job_can_be_begun_again(bench):
    folder = bench.scan()
    assert end(folder) == "finished"
    folder.file("job.json").write_text("{")
    again = bench.scan()
    assert again.digest == folder.digest
    assert again.spec().plan == scan_plan(bench.plan)


def test_settings_make_another_run_and_none_leave_the_digest_as_it_was():
    plan = Plan()
    plain = hashlib.sha256(f"sensitivity:{plan.digest()}".encode()).hexdigest()
    assert run_digest("sensitivity", plan) == run_digest("sensitivity", plan, {}) == plain
    several = [{"level": 0.5}, {"level": 0.25}, {"level": 0.5, "pairs": 3}]
    assert len({plain, *(run_digest("sensitivity", plan, s) for s in several)}) == 4
    ordered = {"pairs": 3, "level": 0.5}
    assert run_digest("sensitivity", plan, ordered) == run_digest("sensitivity", plan, several[2])
    spec = Spec(kind="sensitivity", plan=plan, settings=ordered)
    assert Spec.model_validate_json(spec.model_dump_json()).settings == ordered


def test_a_kind_without_settings_refuses_them(bench):
    with pytest.raises(ValueError, match="takes no settings, got level"):
        jobs.submit(bench.home, "contest", bench.plan, settings={"level": 0.5})
