"""Time by layer: what waits longest takes the largest share, and nothing is left on the model."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from pruneviz.measure.layer_latency import layer_latency


class Waits(nn.Module):
    """Waits for some milliseconds, and then for those of the layer inside it."""

    def __init__(self, milliseconds, inner=None):
        super().__init__()
        self.milliseconds, self.inner = milliseconds, inner

    def forward(self, x):
        time.sleep(self.milliseconds / 1000)
        return self.inner(x) if self.inner else x


X = torch.zeros(1, 2)


def test_each_layer_has_its_own_time_without_that_of_layers_inside():
    model = nn.Sequential(Waits(4), Waits(2, Waits(10)), Waits(0))
    found = layer_latency(model, X, ["0", "1", "1.inner", "2"], passes=4)
    assert found.passes == 4
    for name, least in {"0": 4, "1": 2, "1.inner": 10}.items():
        assert found.layers[name] >= least
    assert sum(found.layers.values()) <= found.total_ms
    assert found.share(["1.inner"]) > found.share(["2"])
    assert found.share(["0", "1", "1.inner", "2"]) > 0.7


def test_what_lies_between_layers_belongs_to_the_whole_alone():
    model = nn.Sequential(Waits(2), Waits(8), Waits(2))
    found = layer_latency(model, X, ["0", "2"], passes=3)
    assert found.total_ms >= 12
    assert found.share(["0", "2"]) < 0.7


def test_a_layer_called_twice_counts_twice():
    layer = Waits(3)
    model = nn.Sequential(layer, nn.Identity(), layer)
    found = layer_latency(model, X, ["0"], passes=3)
    assert found.layers["0"] > 5.5


def test_what_is_no_module_or_never_called_has_no_share():
    model = nn.Sequential(nn.Linear(2, 2))
    model.weight = nn.Parameter(torch.ones(2, 2))
    model.add_module("unused", nn.Identity())
    model.forward = model[0].forward
    found = layer_latency(model, X, ["0", "unused", "weight", "elsewhere", ""], passes=3)
    assert found.share(["unused"]) is None
    assert found.share(["weight", "elsewhere"]) is None


def test_no_hook_is_left_even_where_the_pass_fails():
    model = nn.Sequential(nn.Linear(2, 2))
    layer_latency(model, X, ["0"], passes=3)
    with pytest.raises(RuntimeError):
        layer_latency(model, torch.zeros(1, 3), ["0"], passes=3)
    hooked = []
    model[0].forward = lambda x: hooked.append(dict(model[0]._forward_hooks)) or x
    layer_latency(model, X, ["0"], passes=3)
    assert hooked
    assert not any((*hooked, model[0]._forward_hooks, model[0]._forward_pre_hooks))


def test_a_limit_ends_it_after_three_passes():
    assert layer_latency(nn.Sequential(Waits(1)), X, ["0"], limit_s=0.0).passes == 3
