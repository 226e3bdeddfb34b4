"""A network in double precision is given doubles and judged as it answers; half is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pruneviz.explain import attribute
from pruneviz.plan import Plan
from pruneviz.run import run
from pruneviz.subjects import load_subject

NETS = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.n, self.b, self.o = (
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3), nn.Linear(8, 3)
        )
    def forward(self, x):
        return self.o(self.b(self.n(self.a(x)).relu()).tanh().mean((2, 3)))
def double(): return Net().double()
def single(): return Net()
def half(): return Net().half()
def bfloat16(): return Net().bfloat16()
"""


def plan(tmp_path, name, **more):
    (tmp_path / "nets.py").write_text(NETS)
    x = np.random.default_rng(0).normal(size=(60, 1, 8, 8))
    np.savez(tmp_path / "data.npz", x=x, y=np.arange(60) % 3)
    return Plan(model=f"python:{tmp_path}/nets.py:{name}", data=f"npz:{tmp_path}/data.npz", **more)


@pytest.mark.parametrize("criterion", ["magnitude_l1", "taylor"])
def test_a_double_network_is_judged_in_double(tmp_path, criterion):
    prepared, pruned, report = run(plan(tmp_path, "double", criterion=criterion, sparsity=0.5), 2)
    data = prepared.subject.data
    assert {data.x.dtype, data.train_x.dtype, data.average.dtype} == {torch.float64}
    with torch.no_grad():
        answers = pruned.model(data.x)
    assert answers.dtype == torch.float64
    assert report.accuracy.pruned == float((answers.argmax(1) == data.y).double().mean())
    single = run(plan(tmp_path, "single", criterion=criterion, sparsity=0.5), 2)
    assert [row.removed for row in report.layers] == [row.removed for row in single[2].layers]
    assert report.macs == single[2].macs
    assert prepared.subject.data.sha256 == single[0].subject.data.sha256
    found = attribute(pruned.model, data.x[:1], 0, "integrated_gradients", {}, data.average)
    assert found.valid


@pytest.mark.parametrize("name", ["half", "bfloat16"])
def test_half_precision_is_refused_by_its_name(tmp_path, name):
    with pytest.raises(ValueError, match=r"computes in \w*float16.*model\.float\(\)"):
        load_subject(plan(tmp_path, name))
