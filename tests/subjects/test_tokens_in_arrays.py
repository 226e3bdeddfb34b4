"""Whole numbers in npz files reach a network that looks them up, as whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pruneviz import run as engine
from pruneviz.network.inputs import call
from pruneviz.plan import Plan
from pruneviz.plan.reading import Reading
from pruneviz.subjects import load_subject
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import array_files, scaling

NETWORKS = """
import torch
from torch import nn


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.look_up = nn.Embedding(9, 8)
        self.hidden = nn.Linear(8, 12)
        self.out = nn.Linear(12, 3)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(self.look_up(x).mean(1))))


def words():
    torch.manual_seed(0)
    return Words()


def rows():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))
"""


@pytest.fixture
def opened(tmp_path):
    (tmp_path / "net.py").write_text(NETWORKS)

    def load(network: str = "words", more: object = None, **arrays: object):
        np.savez(tmp_path / "d.npz", **arrays)
        asked = {"model": f"python:{tmp_path / 'net.py'}:{network}", "sparsity": 0.5}
        return load_subject(Plan(**asked, data=f"npz:{tmp_path / 'd.npz'}", reading=more))

    return load


def tokens(count: int = 60, dtype: str = "uint8", most: int = 9) -> np.ndarray:
    return np.random.RandomState(0).randint(0, most, (count, 6)).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
def test_tokens_are_looked_up_as_they_are_and_the_network_is_cut(opened, dtype):
    x, y = tokens(dtype=dtype), np.arange(60) % 3
    subject = opened(x=x, y=y)
    data = subject.data
    assert data.x.dtype == data.train_x.dtype == torch.int64
    assert data.kind == "text"
    places = [int(name.removeprefix("row ")) for name in data.names]
    assert data.x.tolist() == x[places].tolist()
    plan = Plan(model=subject.reference, data=data.reference, sparsity=0.5)
    prepared = engine.prepare(subject, plan)
    pruned = engine.prune(prepared, plan)
    assert pruned.is_cut
    report = engine.report(prepared, pruned, engine.time_models(prepared, pruned, 3).summary())
    right = call(subject.model, torch.from_numpy(x[places].astype("int64"))).argmax(1) == data.y
    assert report.accuracy.original == float(right.double().mean())


def test_a_training_part_is_looked_up_too_and_copies_are_counted(opened):
    train = tokens(40)
    subject = opened(x=train[:20], y=np.arange(20) % 3, train_x=train, train_y=np.arange(40) % 3)
    assert subject.data.train_x.tolist() == train.tolist()
    assert any(note.values.get("twice") == 20 for note in subject.notes)


def test_whole_numbers_of_a_network_that_computes_with_them_stay_numbers(opened):
    assert opened("rows", x=tokens(), y=np.arange(60) % 3).data.x.is_floating_point()


def test_what_the_network_does_not_know_is_refused(opened):
    y = np.arange(60) % 3
    ones = np.ones(6)
    fractions = np.random.RandomState(0).rand(60, 6)
    wrong = {
        "beyond": ({"x": tokens(most=10), "y": y}, None, array_files.beyond_the_layer),
        "below": ({"x": tokens(dtype="int8") - 1, "y": y}, None, array_files.beyond_the_layer),
        "scaled": (
            {"x": tokens(), "y": y, "mean": ones, "std": ones}, None, array_files.scales_no_tokens,
        ),
        "trained on others": (
            {"x": tokens(), "y": y, "train_x": fractions, "train_y": y}, None,
            array_files.no_tokens,
        ),
        "read otherwise": (
            {"x": tokens(), "y": y}, Reading(mean=(0.5,), std=(1.0,)), scaling.reads_no_tokens,
        ),
    }  # fmt: skip
    for arrays, reading, kind in wrong.values():
        with pytest.raises(RefusedError) as caught:
            opened(more=reading, **arrays)
        assert caught.value.fact in kind
