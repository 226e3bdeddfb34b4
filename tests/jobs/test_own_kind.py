"""A new kind of job is one file for its worker and one for its page; the rest is there for it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz import jobs
from pruneviz.history.folder import RunFolder, runs_directory
from pruneviz.history.index import History
from pruneviz.home import default_home
from pruneviz.jobs import kinds, spare
from pruneviz.jobs.control import ACTIVE
from pruneviz.jobs.job import job_of
from pruneviz.jobs.kind import KINDS, Link
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.ui.history import runs
from pruneviz.ui.session import link
from tests.documents import ROOT, files
from tests.slow import WAIT_SECONDS

PLAN = Plan(model="sample:tumour-mlp", sparsity=0.3)
WORKER = """
from pruneviz.jobs import kinds
kinds.__path__.append({folder!r})
from pruneviz.jobs.worker import main
main()
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Add the two files of the document, for this process and for those of jobs; return the page.

    The worker is called as its own one, so that whoever looks for its process finds it.
    """
    for path, code in files("CONTRIBUTING.md").items():
        if "near_zero" in path:
            (tmp_path / path).parent.mkdir(parents=True)
            (tmp_path / path).write_text(code)
    added = str(tmp_path / "pruneviz/jobs/kinds")
    (tmp_path / "own_worker.py").write_text(WORKER.format(folder=added))
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, added])
    monkeypatch.setattr(spare, "WORKER", "own_worker")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    yield tmp_path / "pages/near_zero.py"
    KINDS.pop("near_zero", None)
    sys.modules.pop("pruneviz.jobs.kinds.near_zero", None)


def opened(script: Path | str, **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / script), default_timeout=300)
    at.query_params.update({"plan": link.encode(PLAN), **query})
    at = at.run()
    assert not at.exception
    return at


def words(at: AppTest) -> str:
    shown = [str(m.value) for m in (*at.markdown, *at.caption)]
    return "\n".join([*shown, *(bar.proto.text for bar in at.get("progress"))]).replace("\\", "")


def finished(folder: RunFolder) -> bool:
    """Wait for a job's end; one whose process was too slow to come up is seen as interrupted."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end and folder.state() in ("queued", "running", "interrupted"):
        time.sleep(0.05)
    return folder.state() == "finished"


def test_a_kind_of_its_own_runs_and_is_listed_and_shown_by_its_title_and_link(page):
    at = opened(page)
    assert "not started" in words(at)
    at.button(key="near-zero-go").click().run()
    (mark,) = (runs_directory(default_home()) / ACTIVE).iterdir()
    folder = RunFolder(runs_directory(default_home()) / mark.name)
    elsewhere = words(opened("pages/weights.py"))
    assert "**Weights near zero" in elsewhere  # the panel, while it works or when it has ended
    assert finished(folder), folder.file("log.txt").read_text()

    job = job_of(folder)
    assert (job.title, job.whole) == ("Weights near zero", True)
    assert job.link == Link("near_zero", job.plan, {})
    at, model = opened(page), load_subject(PLAN).model
    assert at.dataframe[0].value["weights"].sum() == sum(
        weights.numel() for weights in model.parameters()
    )
    (row,) = History(default_home()).search()
    assert (row.kind, row.state) == ("near_zero", "finished")
    assert runs.called(row).startswith("Weights near zero: tumour-mlp")
    listed = words(opened("pages/runs.py", run=row.digest))
    assert "Weights near zero: " in listed
    assert "Open in Near zero" in listed
    elsewhere = words(opened("pages/weights.py"))
    assert "Weights near zero finished**  \n:small[:gray[Tumours, tabular, channels, " in elsewhere
    assert "Open in Near zero" in elsewhere


def test_a_kind_s_name_is_declared_once(page):
    opened(page)
    with pytest.raises(ValueError, match="declared already"):
        jobs.kind.job("near_zero", "Again", page="runs", has_result=lambda folder: False)
