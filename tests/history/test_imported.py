"""The numbers of an imported run must belong to its weights before anyone uses them."""

from __future__ import annotations

import json

import pytest
import torch

from pruneviz import run as engine
from pruneviz.analyses.finished_recovery import load_recovered
from pruneviz.history.adopt import adopt
from pruneviz.history.archive import export_runs, import_runs
from pruneviz.history.index import History
from pruneviz.plan import Plan
from pruneviz.store import write_run

PLAN = Plan(
    model="sample:tumour-mlp",
    sparsity=0.5,
    recovery=({"method": "finetune", "parameters": {"epochs": 1}},),
)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A recovered run in the history of where it was computed."""
    folder = tmp_path_factory.mktemp("own")
    prepared, pruned, report = engine.run(PLAN, latency_runs=3)
    write_run(folder / "made", prepared, pruned, report)
    return prepared, pruned, adopt(folder / "home", folder / "made")


@pytest.fixture
def imported(own, tmp_path):
    """The same run in a history that it was imported into."""
    _, _, folder = own
    export_runs(History(folder.path.parents[1]), [folder.digest], tmp_path / "runs.zip")
    history = History(tmp_path / "home")
    import_runs(history, tmp_path / "runs.zip")
    return history.folder(folder.digest)


def flatter(folder):
    """Let the report be one right answer better than the network is."""
    report = json.loads(folder.file("report.json").read_text())
    accuracy = report["accuracy"]
    accuracy["pruned"] += 1 / accuracy["samples"]
    folder.file("report.json").write_text(json.dumps(report))


def test_an_honest_import_is_used(own, imported):
    prepared, pruned, _ = own
    loaded = load_recovered(prepared, PLAN, imported.path)
    for name, tensor in pruned.model.state_dict().items():
        assert torch.equal(tensor, loaded.model.state_dict()[name])


def test_an_import_whose_report_is_of_other_weights_is_refused(own, imported):
    prepared, _, _ = own
    flatter(imported)
    with pytest.raises(ValueError, match="do not belong to its weights: compute the run again"):
        load_recovered(prepared, PLAN, imported.path)


def test_a_run_of_one_s_own_is_not_computed_again(own, monkeypatch):
    prepared, _, folder = own
    monkeypatch.setattr("pruneviz.analyses.finished_recovery.answers", None)
    assert load_recovered(prepared, PLAN, folder.path).recovery is not None
