"""What is said of a job says what its real state is, in every place that says it."""

from typing import get_args

import pandas as pd
import pytest

from pruneviz.figures import epochs
from pruneviz.figures.epochs import Course, Levels
from pruneviz.figures.sensitivity import thresholds
from pruneviz.history.folder import UNDER_WAY, RunFolder, State, Status
from pruneviz.jobs.job import Job
from pruneviz.jobs.reporter import Reporter
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.ui import comparisons
from pruneviz.ui.recover import recovering
from pruneviz.ui.recover.recovering import Recovered
from pruneviz.ui.sensitivity import scanning
from pruneviz.ui.sensitivity.scanning import Extent
from pruneviz.ui.tune import goals
from pruneviz.ui.words import standing, text
from pruneviz.wording import Share, amounts

STATES = (None, *get_args(State))
BUSY = ("loading", "waiting", "left", "layer fc1", "stopping", "…")
STATUS = Status(state="running", fraction=0.5, sentence="layer fc1", seconds_left=90.0)
EXTENT = Extent("1 of 2 layers found", "2 layers found", 0.5, 10.0)


def lines(state, status: Status, folder: RunFolder, *, stopping: bool) -> dict[str, str]:
    """Return what each place says of a job."""
    plan = Plan()
    if stopping:
        folder.path.mkdir(exist_ok=True)
        folder.file("cancel").touch()

    def job(kind: str, result=None, settings=None) -> Job:
        return Job(kind, plan, plan, settings or {}, folder, state, status, stopping, result)

    found = {
        "scan": scanning.line(job("thresholds", settings={"loss": 0.02}), EXTENT),
        "recovery": recovering.line(job("run", Recovered((), None))),
        "methods": comparisons.line([job("contest", pd.DataFrame())]),
        "proposal": standing.line(job("proposal", settings={"goal": "macs", "value": 0.5})),
    }
    if state is not None:
        found["panel"] = standing.whole_line(job("run"))
    return found


@pytest.mark.parametrize("state", STATES)
def test_only_a_job_under_way_is_said_to_do_something(state, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recovering, "is_kept", lambda now: False)
    for sentence in ("", "layer fc1"):
        status = replace_status(state, sentence)
        for place, line in lines(state, status, RunFolder(tmp_path / "x"), stopping=False).items():
            active = any(word in line for word in BUSY)
            assert active == (state in UNDER_WAY), (place, line)
            assert "None" not in line, (place, line)
            if state is None:
                assert "not started" in line, (place, line)


def replace_status(state, sentence: str) -> Status:
    return STATUS.model_copy(update={"state": state or "queued", "sentence": sentence})


@pytest.mark.parametrize("state", UNDER_WAY)
def test_what_stops_is_said_to_stop_and_promises_no_time(state, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recovering, "is_kept", lambda now: False)
    found = lines(state, replace_status(state, "x"), RunFolder(tmp_path / "x"), stopping=True)
    for place, line in found.items():
        assert "stopping" in line, (place, line)
        assert "left" not in line, (place, line)


def test_what_is_done_to_the_last_step_has_no_time_left(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recovering, "is_kept", lambda now: False)
    status = STATUS.model_copy(update={"fraction": 1.0, "seconds_left": 0.0})
    for place, line in lines("running", status, RunFolder(tmp_path / "x"), stopping=False).items():
        assert "left" not in line, (place, line)


def test_a_figure_without_a_number_says_nothing_of_a_job() -> None:
    titles = (
        epochs.what_to_see({}, Levels(0.9, None), Course(1, 1, 99)),
        epochs.what_to_see({}, Levels(0.9, 0.5), Course(1, 1, 99)),
        thresholds.what_to_see(pd.DataFrame(), 0.02),
    )
    for title in titles:
        assert not any(word in title for word in ("being", "computed", "running")), title


def test_every_state_of_a_proposal_without_result_has_a_sentence() -> None:
    assert {*goals.STOOD, *UNDER_WAY, "failed"} == set(get_args(State))


def test_weights_that_no_file_gave_are_not_called_yours(tmp_path) -> None:
    source = "import torch\ndef build():\n    return torch.nn.Linear(4, 2)\n"
    (tmp_path / "net.py").write_text(source)
    subject = load_subject(Plan(model=f"python:{tmp_path}/net.py:build", input_shape=(4,)))
    assert subject.weights_label == "weights that build() made"


def test_a_refusal_is_told_in_percent_on_pages_and_its_old_sentence_as_it_was(tmp_path) -> None:
    refused = amounts.locks_keep(Share(0.5), "fc1", Share(0.3))
    folder = RunFolder(tmp_path)
    Reporter(folder).end("failed", error=refused)
    status = folder.status()
    assert status is not None
    assert status.error == str(refused)
    assert "0.3" in status.error
    assert "50\N{NO-BREAK SPACE}%" in text.problem(status.trouble)
    assert "0.3" not in text.problem(status.trouble)
    old = Status.model_validate({"state": "failed", "error": "at most 0.3 can go"})
    assert text.problem(old.trouble) == "at most 0.3 can go"
    assert Status().trouble is None


@pytest.mark.parametrize("refusal", [{"code": "amounts.nothing", "values": {}}, {"code": 1}])
def test_a_fact_that_nobody_knows_is_no_status(refusal) -> None:
    with pytest.raises(ValueError, match="no fact that this version knows"):
        Status.model_validate({"state": "failed", "refusal": refusal})
