"""The jobs panel of every page: what is under way, what can be done, and a word at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from pruneviz.history.folder import (
    RunFolder,
    Spec,
    Status,
    now,
    run_digest,
    runs_directory,
    write_json,
)
from pruneviz.home import default_home
from pruneviz.jobs.control import ACTIVE, unmark
from pruneviz.plan import Plan
from pruneviz.propose import Goal
from pruneviz.ui.jobs.panel import TIMES_TOLD
from pruneviz.ui.jobs.watch import Watch

PAGE = str(Path(__file__).parents[2] / "pages" / "weights.py")
MODEL = Plan(model="sample:tumour-mlp")


class Job:
    """A job as it looks on the disk, without a process; whoever holds its lock seems to be one."""

    def __init__(self, plan: Plan = MODEL, kind: str = "sensitivity", **settings) -> None:
        digest = run_digest(kind, plan, settings)
        self.folder = RunFolder(runs_directory(default_home()) / digest)
        self.folder.path.mkdir(parents=True)
        spec = Spec(kind=kind, plan=plan, settings=settings).model_dump(mode="json")
        write_json(self.folder.file("job.json"), spec)
        self.status("running", fraction=0.25, sentence="layer fc1", seconds_left=90.0)
        marks = self.folder.path.parent / ACTIVE
        marks.mkdir(exist_ok=True)
        (marks / self.folder.digest).touch()
        self.lock = FileLock(self.folder.file("lock"))

    def status(self, state: str, **fields) -> None:
        self.folder.write_status(Status(state=state, updated=now(), **fields))

    def end(self, state: str, **fields) -> None:
        """End as a worker does: the status, the mark, the lock."""
        self.status(state, **fields)
        unmark(self.folder)
        self.lock.release(force=True)

    def key(self, action: str) -> str:
        return f"job-{action}-{self.folder.digest}"


@pytest.fixture
def job():
    made = Job()
    yield made
    made.lock.release(force=True)


def page() -> AppTest:
    return AppTest.from_file(PAGE, default_timeout=300).run()


def label(at: AppTest) -> str:
    return next(b.proto.popover.label for b in at.get("popover") if "Jobs" in b.proto.popover.label)


def words(at: AppTest) -> str:
    return "\n".join(str(m.value) for m in (*at.markdown, *at.caption)).replace("\\", "")


def bars(at: AppTest) -> list[str]:
    return [bar.proto.text.replace("\\", "") for bar in at.get("progress")]


def test_nothing_under_way_is_said_so():
    at = page()
    assert label(at) == "Jobs"
    assert "Nothing is under way" in words(at)
    assert not at.toast


def test_a_job_is_shown_with_progress_and_stopped(job):
    job.lock.acquire()
    at = page()
    assert label(at) == "Jobs: 1 under way"
    assert "Sensitivity scan" in words(at)
    assert "Tumours, tabular, channels, Magnitude L1" in words(at)
    assert bars(at) == ["layer fc1, about 1 min 30 s left"]
    at.button(key=job.key("stop")).click().run()
    assert job.folder.file("cancel").exists()
    assert at.button(key=job.key("stop")).disabled
    assert bars(at) == ["stopping …"]


def test_a_proposal_names_its_goal():
    made = Job(kind="proposal", **Goal("accuracy_points", 1).settings())
    at = page()
    assert "To lose at most 1 point: Tumours, tabular, channels, Magnitude L1" in words(at)
    assert "Ratios for a goal" in words(at)
    made.end("failed", error="no memory")
    assert "To lose at most 1 point: " in words(at.run())


def test_a_proposal_without_a_goal_does_not_break_the_panel():
    Job(kind="proposal", goal="happiness", value=1)
    at = page()
    assert not at.exception
    assert "Ratios for a goal" in words(at)


def test_a_job_that_finishes_says_so_once_in_each_session_that_saw_it(job):
    job.lock.acquire()
    first, second = page(), page()
    job.end("finished", finished=now())
    for at in (first, second):
        for _ in range(TIMES_TOLD):  # which a browser shows once
            at.run()
            assert [told.value.split("**")[1] for told in at.toast] == ["Sensitivity scan finished"]
        assert label(at) == "Jobs"
        assert not at.run().toast
    later = page()
    assert not later.toast
    assert "Sensitivity scan finished" in words(later)


def test_a_failure_says_why_as_plain_text(job):
    job.lock.acquire()
    at = page()
    job.end("failed", error="no <b>memory</b> [here](http://x)")
    at.run()
    (toast,) = at.toast
    assert "Sensitivity scan failed" in toast.value
    assert "\\<b\\>memory" in toast.value
    assert "[here](" not in toast.value
    assert "\\<b\\>memory" in "".join(str(caption.value) for caption in at.caption).lower()


def test_a_cancelled_job_just_goes(job):
    job.lock.acquire()
    at = page()
    job.end("stopped")
    at.run()
    assert not at.toast
    assert label(at) == "Jobs"


def test_an_interrupted_job_can_be_dismissed(job):
    at = page()
    assert label(at) == "Jobs: 1 interrupted"
    assert bars(at) == ["interrupted"]
    at.button(key=job.key("dismiss")).click().run()
    assert label(at) == "Jobs"
    assert job.folder.state() == "interrupted"


def test_an_interrupted_job_is_resumed(job, monkeypatch):
    begun = []
    monkeypatch.setattr("pruneviz.jobs.resume", begun.append)
    at = page()
    at.button(key=job.key("resume")).click().run()
    assert [folder.digest for folder in begun] == [job.folder.digest]


def test_what_the_operator_did_not_name_is_not_resumed(monkeypatch):
    monkeypatch.setattr("pruneviz.jobs.resume", lambda folder: pytest.fail("it was started"))
    job = Job(Plan(model="python:/etc/passwd:build"))
    at = page()
    at.button(key=job.key("resume")).click().run()
    assert "only who starts the server" in at.error[0].value


def test_jobs_beyond_the_first_few_are_counted():
    made = [Job(MODEL.changed(seed=seed)) for seed in range(6)]
    at = page()
    assert label(at) == "Jobs: 6 interrupted"
    shown = [job for job in made if any(b.key == job.key("resume") for b in at.button)]
    assert len(shown) == 4
    assert "and 2 more, on Runs" in words(at)


def test_a_look_is_shared_until_it_is_old_or_something_begins(job):
    job.lock.acquire()
    watch = Watch(default_home())
    before = watch.latest(1000)
    assert before.under_way == 1
    job.status("running", fraction=0.5)
    assert watch.latest(1000) is before
    assert watch.latest(0).jobs[0].status.fraction == 0.5
    Job(MODEL.changed(seed=1))
    assert len(watch.latest(1000).jobs) == 2


def test_a_run_deleted_by_hand_is_no_ending(job):
    job.lock.acquire()
    watch = Watch(default_home())
    assert watch.latest(0).under_way == 1
    for file in job.folder.path.iterdir():
        file.unlink()
    seen = watch.latest(0)
    assert (seen.jobs, seen.endings) == ((), ())
