"""A network of computed weights opened, pruned, recovered, written and taken up again."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from pruneviz import run as engine
from pruneviz.export.loader import rebuild
from pruneviz.plan import Plan
from pruneviz.pruned.surgery import Surgery
from pruneviz.report import differences
from pruneviz.store import read_plan, read_report, write_run
from pruneviz.subjects import load_subject, weights_sha256
from pruneviz.subjects.models.python_factory import load_python

CODE = """
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm


class Network(nn.Module):
    def __init__(self, lengths, sigma):
        super().__init__()
        self.conv1 = lengths(nn.Conv2d(1, 8, 3, padding=1))
        self.norm = nn.BatchNorm2d(8)
        self.conv2 = sigma(nn.Conv2d(8, 12, 3, padding=1))
        self.fc = lengths(nn.Linear(12, 10))

    def forward(self, x):
        x = torch.relu(self.norm(self.conv1(x)))
        return self.fc(torch.relu(self.conv2(x)).mean((2, 3)))


def new():
    return Network(parametrizations.weight_norm, parametrizations.spectral_norm)


def old():
    return Network(weight_norm, spectral_norm)
"""
NOTE = "conv1.weight, conv2.weight, fc.weight are computed from other tensors"
pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")


PLAN = Plan(
    model="python:net.py:new",
    weights="old.safetensors",
    data="sample:digits",
    sparsity=0.4,
    criterion="taylor",
    layers={"conv1": 0.5},
    locks={"conv2": [0, 1]},
)


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Return the same network made by the older and newer functions, and save what each holds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(CODE)
    models = {}
    for name in ("new", "old"):
        models[name] = load_python(f"net.py:{name}", None).model.train()
        models[name](torch.randn(8, 1, 8, 8))
        state = {key: tensor.contiguous() for key, tensor in models[name].state_dict().items()}
        save_file(state, f"{name}.safetensors")
        models[name].eval()
    return models


@pytest.mark.parametrize("saved", ["new", "old"])
@pytest.mark.parametrize("code", ["new", "old"])
def test_weights_are_read_under_old_and_new_names(given, code, saved):
    subject = load_subject(
        PLAN.changed(model=f"python:net.py:{code}", weights=f"{saved}.safetensors")
    )
    assert any(str(note).startswith(NOTE) for note in subject.notes)
    with torch.no_grad():
        expected = given[saved](subject.example)
        assert torch.equal(subject.model(subject.example), expected)
    if code == saved:
        assert subject.sha256 == weights_sha256(given[saved])


@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_a_run_is_written_rebuilt_repeated_and_performed_on_the_users_model(
    given, tmp_path, granularity
):
    plan = PLAN.changed(granularity=granularity)
    prepared, pruned, report = engine.run(plan, 3)
    assert sum(note.startswith(NOTE) for note in report.notes) == 1
    assert [layer.name for layer in report.layers][:2] == ["conv1", "conv2"]
    assert report.layers[0].sparsity == 0.5
    assert bool(pruned.keep["conv2"][:2].all())
    assert write_run(tmp_path / "run", prepared, pruned, report) == []
    rebuilt = rebuild(tmp_path / "run" / "recipe.json", tmp_path / "run" / "weights.safetensors")
    x = prepared.subject.data.x[:50]
    with torch.no_grad():
        assert torch.allclose(rebuilt(x), pruned.model(x), rtol=0, atol=1e-5)
    assert "conv1.weight" in rebuilt.state_dict()
    again = engine.run(read_plan(tmp_path / "run"), 3)[2]
    before = read_report(tmp_path / "run")
    assert differences(before.deterministic(), again.deterministic()) == []
    if granularity == "channel":
        surgery = Surgery.from_json((tmp_path / "run" / "surgery.json").read_text())
        assert {cut.parameter for cut in surgery.cuts} >= {"conv1.weight", "conv2.weight"}
        with torch.no_grad():
            assert torch.equal(surgery.perform(given["old"])(x), pruned.model(x))


def test_a_recovery_trains_plain_weights(given):
    finetune = {"method": "finetune", "parameters": {"epochs": 1, "batch_size": 256}}
    prepared, pruned, report = engine.run(PLAN.changed(recovery=[finetune]), 3)
    assert any("trained, as a plain weight" in note for note in report.notes)
    names = [name for name, _ in pruned.model.named_parameters()]
    assert names == [name for name, _ in prepared.subject.model.named_parameters()]
    assert report.recovery.epochs == 1
    pruned_only = engine.prune(prepared, PLAN)
    assert not torch.equal(pruned.model.conv1.weight, pruned_only.model.conv1.weight)
