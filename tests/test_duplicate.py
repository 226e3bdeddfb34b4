"""A copy is that of Python itself, on the zoo and on modules that do as they like."""

from __future__ import annotations

import copy
import time
from collections import OrderedDict

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pruneviz.duplicate import duplicate


def same(one, other, pairs):
    """Check that two values are equal, of one type, and share among them what the other shares."""
    assert type(one) is type(other)
    if isinstance(one, nn.Module | dict | list | Tensor):
        if id(one) in pairs:
            assert pairs[id(one)] == id(other)
            return
        pairs[id(one)] = id(other)
    if isinstance(one, nn.Module):
        same(vars(one), vars(other), pairs)
    elif isinstance(one, dict):
        assert list(map(repr, one)) == list(map(repr, other))
        for mine, theirs in zip(one.values(), other.values(), strict=True):
            same(mine, theirs, pairs)
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            same(mine, theirs, pairs)
    elif isinstance(one, Tensor):
        assert torch.equal(one, other)
        assert one.requires_grad == other.requires_grad
    elif isinstance(one, int | float | str | bool | type(None)):
        assert one == other


ZOO = ["resnet18", "mobilenet_v3_small", "vit_b_32", "swin_t", "googlenet",
       "ssdlite320_mobilenet_v3_large"]  # fmt: skip


@pytest.mark.parametrize("name", ZOO)
def test_it_is_a_deep_copy_that_shares_nothing(name):
    options = {"weights_backbone": None} if "ssd" in name else {}
    model = torchvision.models.get_model(name, weights=None, **options)
    made = duplicate(model, {})
    same(made, copy.deepcopy(model), {})
    mine = {id(value) for value in [*model.modules(), *model.parameters(), *model.buffers()]}
    theirs = {id(value) for value in [*made.modules(), *made.parameters(), *made.buffers()]}
    assert not mine & theirs


class Own(nn.Module):
    def __deepcopy__(self, memo):
        made = Own()
        made.copied = True
        return made


class State(nn.Module):
    def __getstate__(self):
        return {**vars(self), "seen": "getstate"}

    def __setstate__(self, state):
        super().__setstate__(state)
        self.seen = f"{state.get('seen')} setstate"


class Odd(nn.Module):
    """Holds itself, a list of modules, shared parts, and a dictionary with attributes."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 3)
        self.again, self.tied = self.a, nn.Linear(2, 3)
        self.tied.weight = self.a.weight
        self.listed = [self.a, nn.ReLU()]
        self.own = {"me": self.a, 3: (self.a, {"deep": torch.ones(2)}), (1, 2): {"set"}}
        self.ordered = OrderedDict(x=1)
        self.ordered.note = "kept"
        object.__setattr__(self, "itself", self)


@pytest.mark.parametrize("kind", [Own, State, Odd, nn.MultiheadAttention])
def test_modules_that_do_as_they_like_are_copied_their_way(kind):
    model = nn.Sequential(kind(4, 2) if kind is nn.MultiheadAttention else kind())
    made, expected = duplicate(model, {}), copy.deepcopy(model)
    same(made, expected, {})
    if kind is Odd:
        assert made[0].itself is made[0]
        assert made[0].listed[0] is made[0].again is made[0].own[3][0]
        assert made[0].tied.weight is made[0].a.weight
        assert made[0].ordered.note == "kept"


def test_what_stands_for_a_part_takes_its_place():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    other = nn.Parameter(torch.zeros(5, 5))
    assert duplicate(model, {id(model[0].weight): other})[0].weight is other


def test_it_is_quicker_where_there_are_many_small_modules():
    model = nn.Sequential(*[nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(200)])
    ways = {duplicate: [], copy.deepcopy: []}
    for _ in range(5):
        for way, taken in ways.items():
            start = time.process_time()
            way(model, {})
            taken.append(time.process_time() - start)
    assert min(ways[duplicate]) < 0.7 * min(ways[copy.deepcopy])
