"""Any network built of these parts is cut exactly, or says what it keeps and why."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pruneviz.proof import check, find_units
from tests.coupling.parts import PARTS, Drawn, drawn

HELD_BACK = {"rolled"}  # it ties each channel to its neighbour


@given(names=drawn, sparsity=st.sampled_from([0.2, 0.5, 0.8]), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_drawn_network_is_cut_exactly_or_says_why(names, sparsity, seed):
    torch.manual_seed(seed)
    model = Drawn(names).eval()
    before = copy.deepcopy(model.state_dict())
    result = check(model, torch.randn(2, 3, 8, 8), sparsity)
    assert result["max_relative_error"] <= 1e-4
    assert all(item["reason"] for item in result["skipped"])
    assert "head" in {item["name"] for item in result["skipped"]}
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


@pytest.mark.parametrize("name", PARTS)
def test_each_part_lets_what_comes_in_be_cut(name):
    torch.manual_seed(0)
    model, example = Drawn(["convolution", name, "convolution"]).eval(), torch.randn(2, 3, 8, 8)
    units, skipped = find_units(model, example, "channel")
    layers = {layer for found in units for layer in found.layers}
    assert check(model, example, 0.5)["max_relative_error"] <= 1e-4
    assert ("parts.0" in layers) == (name not in HELD_BACK), skipped
    assert {"first", "parts.4"} <= layers
