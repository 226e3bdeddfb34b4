"""Whatever the network: what is cut equals what was masked, and what cannot be cut says why."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pruneviz.apply import apply
from pruneviz.coupling import trace
from pruneviz.network.masks import masked
from pruneviz.proof import find_units
from pruneviz.run import check
from tests.networks import (
    ALL_NETWORKS,
    Concatenated,
    FixedView,
    Grouped,
    Normalised,
    Residual,
    Shared,
    ZeroPadded,
    build,
)


@pytest.mark.parametrize("kind", ALL_NETWORKS)
@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.9])
def test_cut_equals_masked(kind, sparsity):
    model, example = build(kind)
    result = check(model, example, sparsity)
    assert result["groups"] > 0
    assert result["parameters"]["pruned"] < result["parameters"]["original"]
    assert result["max_relative_error"] <= 1e-5


@pytest.mark.parametrize("kind", ALL_NETWORKS)
def test_each_single_unit_can_be_cut(kind):
    model, example = build(kind)
    units, _ = find_units(model, example, "channel")
    for layer in units:
        for unit in range(layer.count):
            keep = {u.name: torch.ones(u.count, dtype=torch.bool) for u in units}
            keep[layer.name][unit] = False
            applied = apply(model, units, keep)
            assert applied.max_relative_error(example) <= 1e-5, (layer.name, unit)


def test_the_masked_model_differs_from_the_original():
    model, example = build(Residual)
    units, _ = find_units(model, example, "channel")
    keep = torch.arange(units[0].count) > 2
    assert not torch.allclose(masked(model, units[0].masks(keep))(example), model(example))


def _groups(kind):
    model, example = build(kind)
    coupling = trace(model, example)
    return {g.name: g for g in coupling.groups}, {s.name: s.reason for s in coupling.skipped}


def test_residual_layers_go_together():
    groups, skipped = _groups(Residual)
    assert set(groups["stem.0"].layers) == {"stem.0", "b.0"}
    assert set(groups["down"].layers) == {"down", "c"}
    assert groups["a.0"].count == 6
    assert skipped == {"head": "its outputs are the network's answers"}


def test_padded_channels_stay_and_say_so():
    groups, skipped = _groups(ZeroPadded)
    assert groups["first"].layers == ("first", "second.0")
    assert skipped["second.0"].startswith("4 of 8 units: ")


def test_flattened_pixels_follow_their_channel():
    groups, _ = _groups(Concatenated)
    head = [m for m in groups["two"].members if m.parameter == "head.weight"]
    assert len(head) == 1
    assert torch.equal(head[0].unit.bincount(), torch.full((6,), 16))


def test_depthwise_outputs_follow_their_input():
    groups, _ = _groups(Grouped)
    # 8 inputs with 2 outputs each; 4 groups of 4 outputs lose equally: 2 pairs in every group
    assert groups["expand.0"].count == 2
    assert {"expand.0", "depthwise", "excite"} <= set(groups["expand.0"].layers)


def test_a_layer_used_twice_and_a_tied_weight_are_one_group():
    groups, _ = _groups(Shared)
    assert list(groups) == ["first"]
    assert set(groups["first"].layers) == {"first", "inner"}


def test_fixed_views_hold_their_channels():
    units, skipped = find_units(*build(FixedView), "channel")
    assert [layer.name for layer in units] == ["free"]
    assert "every trial cut through `view` fails" in {s.name: s.reason for s in skipped}["split"]


def test_a_layer_norm_averages_over_what_is_kept():
    groups, _ = _groups(Normalised)
    assert set(groups) == {"normed", "free"}
    assert [(m.parameter, m.axis) for m in groups["normed"].calls] == [("native_layer_norm#0", 1)]
    model, example = build(Normalised)
    units, _ = find_units(model, example, "channel")
    keep = {"normed": torch.arange(10) > 3, "free": torch.ones(7, dtype=torch.bool)}
    applied = apply(model, units, keep)
    by_hand = torch.nn.functional.layer_norm(
        model.normed(example)[:, 4:], (6,), model.norm.weight[4:], model.norm.bias[4:]
    )
    hidden = torch.relu(by_hand @ model.free.weight[:, 4:].T + model.free.bias)
    torch.testing.assert_close(applied.model(example), model.head(hidden))
    assert applied.model.norm.normalized_shape == (6,)


def test_an_unused_layer_and_an_unknown_operator_are_listed():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.sorted = nn.Linear(8, 6)
            self.unused = nn.Linear(3, 3)
            self.head = nn.Linear(6, 2)

        def forward(self, x):
            return self.head(torch.sort(self.sorted(x)).values)

    reasons = {s.name: s.reason for s in trace(Net().eval(), torch.randn(2, 8)).skipped}
    assert reasons["unused"] == "the forward pass does not use it"
    assert reasons["sorted"] == "the model chooses by their values what it answers"


def test_tracing_leaves_the_model_as_it_was():
    model, example = build(Grouped)
    before = copy.deepcopy(model.state_dict())
    trace(model, example)
    assert not model.training
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
