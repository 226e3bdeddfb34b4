"""What makes the trace and the proof lean changes nothing that they say."""

from __future__ import annotations

import gc
import itertools
import math
import random
import weakref

import pytest
import torch
from torch import Tensor, nn

from pruneviz import apply as apply_module
from pruneviz.coupling import trace
from pruneviz.coupling.ids import collapse, distinct, reshaped, small, varying
from pruneviz.coupling.tensor_facts import Beside
from pruneviz.proof import find_units
from pruneviz.proof.perturb import perturbed
from pruneviz.proof.trials import Trials
from pruneviz.pruned.side_by_side import answers
from pruneviz.run import check


def _ids(draw: random.Random) -> Tensor:
    """Return ids that vary along some of their dimensions, with stride 0 along some others."""
    shape = [draw.choice([1, 2, 3, 4, 6]) for _ in range(draw.randint(1, 5))]
    own = [size if draw.random() < 0.4 else 1 for size in shape]
    ids = torch.arange(math.prod(own)).view(own).expand(shape)
    return ids.contiguous() if draw.random() < 0.3 else ids


def _shapes(positions: int) -> list[tuple[int, ...]]:
    """Return shapes that hold so many positions, with ones among them."""
    divisors = [d for d in range(1, positions + 1) if positions % d == 0]
    return [
        (one, positions // one // other, other, 1)
        for one, other in itertools.product(divisors, divisors)
        if positions % (one * other) == 0
    ]


@pytest.mark.parametrize("seed", range(60))
def test_ids_in_another_shape_are_what_torch_makes_of_them(seed):
    draw = random.Random(seed)
    ids = _ids(draw)
    for shape in _shapes(ids.numel()):
        assert torch.equal(reshaped(ids, shape), ids.reshape(shape)), (ids.shape, shape)


@pytest.mark.parametrize("seed", range(60))
def test_collapsed_ids_are_the_same_and_vary_only_where_they_differ(seed):
    ids = _ids(random.Random(seed)).contiguous()
    held = collapse(ids)
    assert torch.equal(held, ids)
    firsts = [ids.narrow(d, 0, 1).expand_as(ids) for d in range(ids.ndim)]
    differ = [d for d, first in enumerate(firsts) if not torch.equal(ids, first)]
    assert varying(held) == tuple(differ)
    assert held.untyped_storage().nbytes() <= 8 * max(small(held).numel(), 1)


@pytest.mark.parametrize("size", [0, 1, 7, 500])
def test_distinct_numbers_come_in_order(size):
    numbers = torch.randint(-1, 50, (size,))
    assert distinct(numbers.numpy()).tolist() == sorted(set(numbers.tolist()))


def test_what_is_beside_a_tensor_goes_with_it():
    beside: Beside[int] = Beside()
    first, second = torch.zeros(2), torch.zeros(2)
    beside.put(first, 1)
    assert (beside.get(first), beside.get(second)) == (1, None)
    beside.put(first, 2)
    part = first[:1]
    assert beside.get(part._base) == 2  # the tensor is found again through its part
    del first
    assert beside.get(part._base) == 2
    del part
    assert not beside._held


def test_the_trace_holds_no_activation_that_the_forward_pass_has_left():
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(12))
            self.most = 0

        def forward(self, x: Tensor) -> Tensor:
            left: list[weakref.ref[Tensor]] = []
            for layer in self.layers:
                x = torch.relu(layer(x))
                left.append(weakref.ref(x))
                most.append(sum(ref() is not None for ref in left))
            return x

    most: list[int] = []
    gc.disable()
    try:
        assert trace(Deep().eval(), torch.randn(2, 16)).groups
    finally:
        gc.enable()
    assert max(most) <= 2


class ChoosesThenAverages(nn.Module):
    """A choice inside a compound operator, and then an average over what is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm, self.two = nn.Linear(8, 12), nn.LayerNorm(12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        level = (x.mean() * 0 + 2.5).long()
        return self.two(self.norm(self.one(x))) * level


def test_what_is_averaged_after_a_choice_is_averaged_over_what_is_kept():
    torch.manual_seed(0)
    result = check(ChoosesThenAverages().eval(), torch.randn(4, 8), 0.5)
    assert [s["name"] for s in result["skipped"]] == ["two"]
    assert result["max_relative_error"] <= 1e-5


class FixedView(nn.Module):
    """The view at the end holds the size of what it splits."""

    def __init__(self, chooses: bool) -> None:
        super().__init__()
        self.chooses = chooses
        self.one, self.two = nn.Linear(8, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        if self.chooses and bool(x.sum() == 0):
            return x[:, :4]
        hidden = torch.relu(self.one(x))
        if hidden.shape[1] != 12:
            raise RuntimeError("twelve are wanted")
        return self.two(hidden)


class Counts(nn.Module):
    """Counts its passes, and keeps the rows that it is asked short."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Embedding(12, 8, max_norm=0.1)
        self.one, self.two = nn.Linear(8, 6), nn.Linear(6, 4)
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        return self.two(torch.relu(self.one(self.rows(x).mean(1))))


@pytest.mark.parametrize("chooses", [False, True])
def test_a_cut_that_does_not_run_is_known_without_the_masked_network(chooses, monkeypatch):
    ran = []
    masked = apply_module.masked
    monkeypatch.setattr(apply_module, "masked", lambda *args: ran.append(1) or masked(*args))
    torch.manual_seed(0)
    found, skipped = find_units(FixedView(chooses).eval(), torch.randn(4, 8), "channel")
    assert not found
    assert "twelve are wanted" in {s.name: s.reason for s in skipped}["one"]
    # Where it chooses, once on the whole example and once on one input: choices are repeated.
    assert len(ran) == 2 * chooses


def test_the_module_in_which_a_cut_network_fails_is_named_with_those_around_it():
    torch.manual_seed(0)
    part = nn.Sequential(nn.Linear(4, 4), nn.Linear(3, 2))
    cut = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), part, nn.ReLU()).eval()
    failed: list[str] = []
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        answers(lambda: cut, cut, torch.randn(2, 4), {}, failed)
    assert failed == ["3.1", "3", ""]


def test_a_proof_leaves_what_a_network_writes_to_as_it_was():
    torch.manual_seed(0)
    model, example = Counts().eval(), torch.randint(12, (4, 3))
    layers, _ = find_units(model, example, "channel")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    (layer,) = (layer for layer in layers if layer.name == "one")
    keep = {each.name: torch.ones(each.count, dtype=torch.bool) for each in layers}
    keep[layer.name][0] = False
    assert apply_module.apply(model, layers, keep).max_relative_error(example) < 1e-5
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_a_cut_is_tried_once():
    torch.manual_seed(0)
    model, example = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 4)), torch.randn(4, 8)
    (layer,), _ = find_units(model.eval(), example, "channel")
    trials = Trials(perturbed(model, example), example)
    assert trials.fault((layer,)) is None
    trials.alive = nn.Identity()  # nothing could be cut from it
    assert trials.fault((layer,)) is None
    assert trials.fault(()) is None
