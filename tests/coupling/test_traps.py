"""Constructs in which a wrong cut hides: each is cut exactly, or listed with its reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pruneviz.allocate import Ranking, allocate
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.run import check

TRAPS = {
    "roll": lambda y, _: torch.roll(y, 1, 1),
    "shuffle": lambda y, _: F.channel_shuffle(y, 2),
    "pool over units": lambda y, _: (
        F.max_pool1d(y.flatten(2).transpose(1, 2), 3, 1, 1).transpose(1, 2).view_as(y)
    ),
    "average over units": lambda y, _: F.avg_pool3d(y.unsqueeze(1), (3, 1, 1), 1, (1, 0, 0))[:, 0],
    "fixed choice": lambda y, _: torch.index_select(y, 1, torch.tensor([7, 6, 5, 4, 3, 2, 1, 0])),
    "negative padding": lambda y, _: F.pad(F.pad(y, (0, 0, 0, 0, -2, -2)), (0, 0, 0, 0, 2, 2)),
    "constant beside": lambda y, _: (
        y * torch.cat([y[:, :, :1], torch.ones(2, 8, 1, 6)], 2)[:, :, 1:]
    ),
    "fixed view": lambda y, _: y.view(2, 8, -1).view(2, 8, 6, 6),
    "chosen part": lambda y, _: torch.cat([y[:, 4:], y[:, :4]], 1),
    "written part": lambda y, _: torch.zeros(2, 8, 6, 6).index_copy(1, torch.arange(8), y),
    "own mean": lambda y, _: y - y.mean(1, keepdim=True),
    "sorted": lambda y, _: y.sort(1).values,
    "where": lambda y, _: torch.where(y > 0, y, torch.arange(8.0).view(1, 8, 1, 1)),
    "buffer": lambda y, net: y * net.scale,
    "plain tensor": lambda y, _: y + torch.arange(8.0).view(1, 8, 1, 1),
    "lookup by width": lambda y, _: y * {8: 2.0}[y.shape[1]],
    "in place": lambda y, _: y.relu_().mul_(2).add_(1),
    "squeeze": lambda y, _: y * torch.sigmoid(y.mean((2, 3), keepdim=True)),
}


class Trap(nn.Module):
    """A layer, the construct, a layer that uses what comes out."""

    def __init__(self, construct):
        super().__init__()
        self.construct = construct
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
        self.free = nn.Conv2d(8, 6, 1)
        self.head = nn.Linear(6, 4)
        self.register_buffer("scale", torch.linspace(0.5, 2, 8).view(1, 8, 1, 1))

    def forward(self, x):
        y = self.construct(torch.relu(self.first(x)) + 0.1, self)
        return self.head(torch.relu(self.free(y)).mean((2, 3)))


@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.parametrize("sparsity", [0.2, 0.5])
def test_a_trap_is_cut_exactly_or_listed(name, sparsity):
    torch.manual_seed(0)
    model, example = Trap(TRAPS[name]).eval(), torch.randn(2, 3, 8, 8)
    result = check(model, example, sparsity)
    assert result["max_relative_error"] <= 1e-5
    cuttable = {layer for u in find_units(model, example, "channel")[0] for layer in u.layers}
    listed = {item["name"] for item in result["skipped"]}
    assert cuttable | listed >= {"first.0", "free", "head"}
    assert "free" in cuttable
    can_be_cut = name in {"buffer", "in place", "squeeze", "own mean", "shuffle", "chosen part"}
    assert ("first.0" in cuttable) == can_be_cut, result["skipped"]


class TwoGroups(nn.Module):
    """The outputs of c lie in two groups: with a's, and with b's."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1), nn.Conv2d(3, 8, 1)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        y = torch.cat([self.a(x), self.b(x)], 1) + self.c(x)
        return self.head(torch.relu(y).mean((2, 3)))


def _two_groups(plan):
    torch.manual_seed(0)
    model, example = TwoGroups().eval(), torch.randn(2, 3, 4, 4)
    units, _ = find_units(model, example, "channel")
    ranking = Ranking({u.name: torch.arange(float(u.count)) for u in units})
    keep = allocate(units, ranking, plan).keep
    return {name: int((~k).sum()) for name, k in keep.items()}


def test_a_layer_in_two_groups_is_locked_and_set_in_both():
    assert _two_groups(Plan(sparsity=0.5)) == {"a": 2, "b": 2}
    assert _two_groups(Plan(sparsity=0.5, locks={"c": "all"})) == {"a": 0, "b": 0}
    assert _two_groups(Plan(layers={"c": 0.5})) == {"a": 2, "b": 2}
    assert _two_groups(Plan(layers={"a": 0.5})) == {"a": 2, "b": 0}
    with pytest.raises(ValueError, match=r"belong to several groups \(a, b\)"):
        _two_groups(Plan(sparsity=0.5, locks={"c": (6,)}))


def test_unknown_layers_are_listed_by_type():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.odd, self.free, self.head = nn.Bilinear(8, 8, 8), nn.Linear(8, 6), nn.Linear(6, 2)

        def forward(self, x):
            return self.head(torch.relu(self.free(self.odd(x, x))))

    result = check(Net().eval(), torch.randn(2, 5, 8), 0.5)
    assert result["groups"] >= 1
    listed = {s["name"]: s["reason"] for s in result["skipped"]}
    assert any(name.startswith("odd") and "Bilinear" in why for name, why in listed.items())


def test_a_nan_of_the_cut_network_alone_is_seen():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 4)

        def forward(self, x):
            y = self.two(torch.relu(self.one(x)))
            whole = self.one.weight.shape[0] == 8
            return y, y.clone() if whole else y * float("nan")

    skipped = check(Net().eval(), torch.randn(2, 8), 0.5)["skipped"]
    assert "differs from the masked one" in {s["name"]: s["reason"] for s in skipped}["one"]


def test_one_wrong_output_among_large_ones_is_seen():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 4)

        def forward(self, x):
            y = torch.relu(self.one(x))
            return self.two(y) * y.shape[1], x * 1e6

    skipped = check(Net().eval(), torch.randn(2, 8), 0.5)["skipped"]
    assert "differs from the masked one" in {s["name"]: s["reason"] for s in skipped}["one"]
