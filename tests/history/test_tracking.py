"""Runs in a real tracking store of MLflow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from pruneviz.figures.epochs import best_and_last
from pruneviz.history import tracking
from pruneviz.history.curve import read_curve
from pruneviz.history.index import History
from pruneviz.history.tracking import default_uri, export_to_mlflow
from pruneviz.metrics import best_row
from pruneviz.report import EpochRow
from tests.history.folders import make_run, make_scan


def row(round_, step, epoch, accuracy, loss=None):
    return EpochRow(round=round_, step=step, epoch=epoch, loss=loss, accuracy=accuracy,
                    held_out_loss=0.5, sparsity=0.3)  # fmt: skip


CURVE = [
    row(1, "prune", 0, 0.5), row(1, "finetune", 1, 0.95, 0.4), row(2, "prune", 1, 0.99),
    row(2, "finetune", 2, 0.8, 0.3), row(2, "finetune", 3, 0.9, 0.2),
    row(2, "finetune", 4, 0.85, 0.1),
]  # fmt: skip


def with_curve(folder, rows=CURVE):
    folder.file("curve.json").write_text(json.dumps([r.model_dump(mode="json") for r in rows]))
    return folder


def test_the_best_epoch_is_a_trained_one_of_the_last_round(home):
    rows = read_curve(with_curve(make_run(home)))
    assert list(rows) == CURVE
    assert best_row(rows) == CURVE[4]
    assert best_and_last(rows) == (CURVE[4], CURVE[5])
    assert best_row(CURVE[:1]) is None
    assert best_row([]) is None
    assert read_curve(make_run(home, seed=1)) == ()
    folder = make_run(home, seed=2)
    folder.file("curve.json").write_text("[{}]")
    with pytest.raises(ValueError, match=r"'curve\.json' is damaged: .* compute the run again"):
        read_curve(folder)


def test_without_mlflow_one_sentence_says_how_to_get_it(home, monkeypatch):
    folder = make_run(home)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ValueError, match=r"pip install 'pruneviz\[mlflow\]'"):
        export_to_mlflow(History(home), [folder.digest], default_uri(home))


def test_only_finished_runs_go_out(home):
    make_run(home, state="failed")
    scan = make_scan(home)
    for digest in (scan.digest, History(home).search(kind="run")[0].digest):
        with pytest.raises(ValueError, match="only finished runs"):
            export_to_mlflow(History(home), [digest], default_uri(home))


EXPORT = """
import sys, threading
from pathlib import Path
from pruneviz.history.index import History
from pruneviz.history.tracking import default_uri, export_to_mlflow
home = Path(sys.argv[1])
tracked = export_to_mlflow(History(home), sys.argv[2:], default_uri(home))
print(*tracked.added)
from mlflow.telemetry.utils import is_telemetry_disabled
assert is_telemetry_disabled()
assert not [t for t in threading.enumerate() if "elemetry" in t.name]
"""


def export_elsewhere(home, *digests):
    """Export in a process that MLflow cannot know to be a test, and see that it sends nothing."""
    switches = ("PYTEST_CURRENT_TEST", "CI", "DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY")
    env = {name: value for name, value in os.environ.items() if name not in switches}
    command = [sys.executable, "-c", EXPORT, str(home), *digests]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(done.stdout.split())


def test_a_store_holds_what_the_runs_hold_and_nobody_else_is_told(home, empty_store, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    first = with_curve(make_run(home, seed=1))
    second = make_run(home, seed=2, parent=first.digest)
    history = History(home)
    history.label(first.digest, name="näme", tags=["paper"], note="a\nnote")
    uri = default_uri(home)
    assert uri == f"sqlite:///{home}/mlflow.db"
    shutil.copy(empty_store, home / "mlflow.db")
    added = export_elsewhere(home, second.digest, first.digest)
    assert added == (first.digest, second.digest)
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("PruneViz").experiment_id
    runs = {run.data.tags["pruneviz.digest"]: run for run in client.search_runs([experiment])}
    assert set(runs) == {first.digest, second.digest}
    for digest, run in runs.items():
        stored = history.get(digest)
        for name in tracking.METRICS:
            assert run.data.metrics[name] == getattr(stored, name)
        assert run.data.params["model"] == "sample:tumour-mlp"
        assert run.data.params["seed"] == str(stored.seed)
        assert run.info.status == "FINISHED"
        for file in ("plan.yaml", "report.json"):
            path = mlflow.artifacts.download_artifacts(
                run_id=run.info.run_id, artifact_path=file, tracking_uri=uri
            )
            with open(path, "rb") as came:  # noqa: PTH123
                assert came.read() == history.folder(digest).file(file).read_bytes()
    one, two = runs[first.digest], runs[second.digest]
    assert one.info.run_name == "näme"
    assert one.data.tags["mlflow.note.content"] == "a\nnote"
    assert one.data.tags["pruneviz.tag.paper"] == "true"
    assert two.data.tags["pruneviz.parent"] == first.digest
    assert two.data.tags["mlflow.parentRunId"] == one.info.run_id
    points = client.get_metric_history(one.info.run_id, "curve.accuracy")
    assert [(point.step, point.value) for point in sorted(points, key=lambda p: p.timestamp)] == [
        (row.epoch, row.value) for row in CURVE
    ]
    assert len(client.get_metric_history(one.info.run_id, "curve.loss")) == 4
    again = export_to_mlflow(history, [first.digest, second.digest], uri)
    assert (again.added, len(again.present)) == ((), 2)
    client.set_terminated(two.info.run_id, "FAILED")  # as one that was broken off
    assert export_to_mlflow(history, [second.digest], uri).added == (second.digest,)
    assert len(client.search_runs([experiment])) == 2


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("sqlite:////nowhere/at/all/mlflow.db", "there is no folder '/nowhere/at/all'"),
        ("sqlite:///{home}/no.db", "file is not a database"),
        ("./mlruns", "cannot write to './mlruns': .* migrate to a database"),
        ("http://127.0.0.1:9", "cannot write to 'http://127.0.0.1:9'"),
        ("sqlite:mlflow.db", "is named sqlite:///FILE"),
        ("gopher://me:secret@host/x", "cannot write to 'gopher://host/x'"),
    ],
)
def test_a_store_that_cannot_be_is_said(home, uri, words, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder = make_run(home)
    (home / "no.db").write_text("this is no database, and long enough to be taken for one" * 20)
    with pytest.raises(ValueError, match=words) as refused:
        export_to_mlflow(History(home), [folder.digest], uri.format(home=home))
    assert "secret" not in str(refused.value)
