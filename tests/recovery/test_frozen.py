"""What a network's author froze stays as it is in every recovery, and is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.plan import Plan
from pruneviz.recovery.frozen import frozen_note
from pruneviz.run import prepare, prune
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.subjects import load_subject

CODE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.norm = nn.Linear(12, 16), nn.BatchNorm1d(16)
        self.middle, self.free = nn.Linear(16, 12), nn.BatchNorm1d(12)
        self.bins, self.last = nn.Linear(4, 1, bias=False), nn.Linear(3, 4)
        self.bins.weight.data[:] = torch.arange(4.0)
        for part in (self.features, self.norm, self.bins):
            part.requires_grad_(False)
        self.tied = self.features

    def forward(self, x):
        h = torch.relu(self.norm(self.features(x)))
        h = torch.relu(self.free(self.middle(h)))
        return self.last(self.bins(h.view(-1, 3, 4).softmax(-1)).squeeze(-1))


def some():
    return Net()


def all_frozen():
    return Net().requires_grad_(False)
"""
FROZEN = ("features.weight", "features.bias", "norm.weight", "norm.bias", "bins.weight")
TRAINED = {"epochs": 2, "batch_size": 32, "learning_rate": 0.05}
ADAMW = {**TRAINED, "optimiser": "adamw", "weight_decay": 0.1}
RECOVERIES = {
    "finetune": ({"method": "finetune", "parameters": TRAINED},),
    "adamw": (
        {
            "method": "finetune",
            "parameters": {**TRAINED, "optimiser": "adamw", "weight_decay": 0.1},
        },
    ),
    "distill": ({"method": "distill", "parameters": TRAINED},),
    "correct_biases": ({"method": "correct_biases", "parameters": {"keep_better": False}},),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("frozen")
    (path / "net.py").write_text(CODE)
    y = torch.arange(120) % 4
    x = torch.randn(120, 12, generator=torch.Generator().manual_seed(1)) + 1.3 * torch.eye(12)[y]
    np.savez(path / "d.npz", x=x, y=y, train_x=x, train_y=y)
    return path


def work_on(folder, factory="some", **fields):
    plan = Plan(model=f"python:{folder}/net.py:{factory}", data=f"npz:{folder}/d.npz", **fields)
    return RecoveryRounds(prepare(load_subject(plan), plan), plan)


def done(work):
    while not work.finished:
        work.step()
    return work.result()


@pytest.mark.parametrize("granularity", ["channel", "weight"])
@pytest.mark.parametrize("recovery", RECOVERIES)
@pytest.mark.parametrize("schedule", ["one_shot", "linear"])
def test_frozen_parameters_stay_and_the_others_move(folder, granularity, recovery, schedule):
    work = work_on(
        folder, granularity=granularity, sparsity=0.3, recovery=RECOVERIES[recovery],
        schedule=schedule, scope="uniform",
    )  # fmt: skip
    original, result = work._prepared.subject.model, done(work)
    before = dict([*original.named_parameters(), *original.named_buffers()])
    after = dict([*result.model.named_parameters(), *result.model.named_buffers()])
    masks = {} if result.is_cut else result.masks
    for name in (*FROZEN, "norm.running_mean", "norm.running_var"):
        expected = before[name]
        for cut in result.cuts:
            if cut.parameter == name:
                expected = expected.index_select(cut.axis, torch.tensor(cut.kept))
        expected = expected * masks.get(name, True)
        assert torch.equal(after[name], expected), name
    assert after["last.bias"].ne(before["last.bias"]).any()
    assert any(
        "5 parameters are frozen by the network and stay" in str(note) for note in result.notes
    )


def test_a_network_that_is_all_frozen_is_trained_and_that_is_said(folder):
    work = work_on(folder, "all_frozen", recovery=RECOVERIES["finetune"])
    original, result = dict(work._prepared.subject.model.named_parameters()), done(work)
    moved = [n for n, p in result.model.named_parameters() if not torch.equal(p, original[n])]
    assert set(FROZEN) <= set(moved)
    assert any("Every parameter of the network was frozen" in str(note) for note in result.notes)


def test_a_training_taken_up_again_leaves_them_too(folder):
    fields = {"sparsity": 0.3, "recovery": RECOVERIES["adamw"]}
    whole, first, again = (work_on(folder, **fields) for _ in range(3))
    for _ in range(5):
        first.step()
    again.restore(first.state())
    one, other = done(whole), done(again)
    for name, parameter in one.model.named_parameters():
        assert torch.equal(parameter, dict(other.model.named_parameters())[name]), name
    assert one.notes == other.notes


def test_nothing_is_said_of_a_network_that_freezes_nothing():
    model = nn.Linear(2, 2)
    assert not frozen_note(model, frozenset())
    note = frozen_note(model, frozenset({"bias"}))
    assert str(note) == "1 parameter is frozen by the network and stays as it is: bias."


@pytest.mark.parametrize("criterion", ["obs", "sparsegpt"])
@pytest.mark.parametrize("factory", ["some", "all_frozen"])
def test_new_values_for_what_stays_are_for_what_is_not_frozen(folder, criterion, factory):
    work = work_on(
        folder, factory, criterion=criterion, granularity="weight", sparsity=0.4, scope="uniform",
        schedule="linear", recovery=RECOVERIES["finetune"],
    )  # fmt: skip
    prepared, plan = work._prepared, work.plan
    for pruned in (prune(prepared, plan), done(work)):
        after = dict(pruned.model.named_parameters())
        moved = {
            name
            for name, before in prepared.subject.model.named_parameters()
            if not torch.equal(after[name], before * pruned.masks.get(name, True))
        }
        if factory == "some":
            assert not moved & set(FROZEN)
            assert {"middle.weight", "last.weight"} <= moved
        else:
            assert {"features.weight", "middle.weight", "last.weight"} <= moved
