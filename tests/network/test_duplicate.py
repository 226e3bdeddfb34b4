"""A copy is that of Python itself, on the zoo and on modules that do as they like."""

from __future__ import annotations

import copy
import re
import time
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from pruneviz.network.duplicate import duplicate


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


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.drop = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)
        self.register_buffer("passing", torch.ones(4), persistent=False)

    def forward(self, x):
        return self.drop(torch.relu(self.norm(self.a(x)) * self.passing))


class Holds(nn.Module):
    """A network that makes a copy of its own, and forgets half of it, around any other."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def __deepcopy__(self, memo):
        made = Holds(Body())
        made.load_state_dict(self.state_dict())
        return made

    def forward(self, x):
        return self.inner(x)


class Listed(nn.Module):
    """Holds a traced network where no walk over modules finds it."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.kept = inner, [inner, create_feature_extractor(Body(), {"drop": "h"})]
        self.kept[1].eval()

    def forward(self, x):
        return self.inner(x) + self.kept[1](x)["h"]


def extracted(body):
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = create_feature_extractor(body, {"drop": "h"})
            self.body.unused = nn.Linear(2, 2)

        def forward(self, x):
            return self.body(x)["h"]

    return Head()


KINDS = {
    "plain": lambda: Body(),
    "traced": lambda: torch.fx.symbolic_trace(Body()),
    "extractor": lambda: extracted(Body()),
    "own copy": lambda: Holds(Body()),
    "in a list": lambda: Listed(Body()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True, None])
def test_each_module_keeps_its_mode_its_buffers_and_its_hooks(kind, training):
    torch.manual_seed(0)
    model = KINDS[kind]()
    model(torch.randn(8, 3))
    model.train(training is not False)
    if training is None:
        for number, module in enumerate(model.modules()):
            if not isinstance(module, torch.fx.GraphModule):
                module.training = number % 2 == 0
    seen = []
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm1d))
    norm.register_forward_hook(lambda *_: seen.append(1))
    made = duplicate(model)
    assert [(n, m.training) for n, m in made.named_modules()] == [
        (n, m.training) for n, m in model.named_modules()
    ]
    assert made.state_dict().keys() == model.state_dict().keys()
    assert [n for n, _ in made.named_buffers()] == [n for n, _ in model.named_buffers()]
    x = torch.randn(8, 3)
    answers = []
    for network in (model, made):
        torch.manual_seed(1)
        answers.append(network(x))
    assert torch.equal(*answers)
    assert len(seen) == 2
    for mine, theirs in zip(made.buffers(), model.buffers(), strict=True):
        assert torch.equal(mine, theirs)
        assert mine is not theirs
    with torch.no_grad():
        made.eval()(x)  # a copy of its own: it may change without the source
        assert torch.equal(model.train()(x).isnan().any(), torch.tensor(False))
    for name, buffer in made.named_buffers():
        if "num_batches" in name:
            assert buffer + 1 == dict(model.named_buffers())[name]


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_for_a_tensor_stands_there_in_every_kind_of_module(kind):
    model = KINDS[kind]()
    others = {id(p): nn.Parameter(torch.zeros_like(p)) for p in model.parameters()}
    made = duplicate(model, dict(others))
    assert {id(p) for p in made.parameters()} == {id(p) for p in others.values()}


def test_tensors_that_lie_in_one_memory_do_so_in_the_copy():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[0].seen, model[0].row = model[0].weight.data, model[0].weight.data[1]
    model[1].weight = nn.Parameter(model[0].weight.data, requires_grad=False)
    for memo in ({}, {id(model[0].weight): nn.Parameter(torch.ones(3, 3))}):
        made = duplicate(model, memo)
        with torch.no_grad():
            made[0].weight.fill_(5.0)
        assert bool((made[0].seen == 5).all())
        assert bool((made[1].weight == 5).all())
        assert not made[1].weight.requires_grad
        assert not bool((model[0].weight == 5).any())


def test_nothing_else_copies_a_module():
    found = [
        path.name
        for path in (Path(__file__).parents[2] / "pruneviz").rglob("*.py")
        if re.search(r"\bdeepcopy\(|import deepcopy", path.read_text())
    ]
    assert found == ["duplicate.py"]
