"""What the code takes of outputs by number: those stay that would change it, and no others."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz.apply import apply
from pruneviz.proof import find_units

TAKEN = {
    "the first": lambda y: y[:, 0:1],
    "the first alone": lambda y: y[:, 0].unsqueeze(1),
    "the last": lambda y: y[:, -1:],
    "the last but two": lambda y: y.select(1, -3).unsqueeze(1),
    "one within": lambda y: y[:, 3:4],
    "the first three": lambda y: y[:, :3].sum(1, keepdim=True),
    "three within": lambda y: y[:, 2:5].sum(1, keepdim=True),
    "two within": lambda y: y.narrow(1, 3, 2).sum(1, keepdim=True),
    "three before the last": lambda y: y[:, -4:-1].sum(1, keepdim=True),
}


class Taken(nn.Module):
    """A layer and its reader, scaled by what is taken of the layer's outputs by number."""

    def __init__(self, taken):
        super().__init__()
        self.taken, self.first, self.head = taken, nn.Linear(6, 12), nn.Linear(12, 3)

    def forward(self, x):
        y = torch.tanh(self.first(x)) + 2
        return self.head(y) * self.taken(y)


def without(model, unit, example):
    """Return what the model answers with one unit deleted by hand, None where it does not run."""
    stays = [each for each in range(12) if each != unit]
    small = Taken(model.taken)
    small.first.weight, small.first.bias = (
        nn.Parameter(each[stays]) for each in (model.first.weight, model.first.bias)
    )
    small.head.weight, small.head.bias = nn.Parameter(model.head.weight[:, stays]), model.head.bias
    return small(example)


def unread(model, unit, example):
    """Return what the model answers when its head does not read one unit."""
    y = torch.tanh(model.first(example)) + 2
    weight = model.head.weight.clone()
    weight[:, unit] = 0
    return nn.functional.linear(y, weight, model.head.bias) * model.taken(y)


@pytest.mark.parametrize("name", TAKEN)
@torch.no_grad()
def test_the_units_that_can_go_are_those_whose_deletion_by_hand_changes_nothing_else(name):
    torch.manual_seed(0)
    model, example = Taken(TAKEN[name]).eval(), torch.randn(4, 6)
    units, skipped = find_units(model, example, "channel")
    by_hand = {
        unit
        for unit in range(12)
        if torch.allclose(without(model, unit, example), unread(model, unit, example), atol=1e-5)
    }
    offered = set[int]()
    for layer in units:
        for unit in range(layer.count):
            keep = torch.arange(layer.count) != unit
            applied = apply(model, (layer,), {layer.name: keep})
            assert applied.max_relative_error(example) <= 1e-5
            (rows,) = (cut.kept for cut in applied.cuts if cut.parameter == "first.weight")
            offered |= set(range(12)) - set(rows)
    assert offered == by_hand
    assert "first" in {item.name for item in skipped}
