"""What is not reached by a change is not computed: counted where torch computes."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from pruneviz.reuse import Evaluator
from tests.coupling.parts import Drawn
from tests.reuse.reusing import assert_reused, variants

CONVOLUTION = "aten::convolution"  # what conv2d calls to compute


def convolutions(action) -> int:
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        action()
    return sum(event.count for event in seen.key_averages() if event.key == CONVOLUTION)


def test_a_change_of_the_last_layer_computes_no_convolution():
    model, x = Drawn(["convolution", "residual", "convolution"]).eval(), torch.randn(4, 3, 8, 8)
    evaluator = Evaluator(model, x, batch_size=4)
    network = copy.deepcopy(model)
    evaluator.answers(network)
    with torch.inference_mode():
        assert convolutions(lambda: model(x)) == 5
    assert convolutions(lambda: evaluator.answers(network)) == 0
    network.head.weight = nn.Parameter(torch.randn_like(network.head.weight))
    evaluator.answers(network)
    assert convolutions(lambda: evaluator.answers(network)) == 0
    network.parts[2].two.weight = nn.Parameter(torch.randn_like(network.parts[2].two.weight))
    evaluator.answers(network)
    assert convolutions(lambda: evaluator.answers(network)) == 2
    assert_reused(evaluator, network)


@pytest.mark.parametrize("granularity", ["weight", "channel"])
def test_what_is_computed_is_what_depends_on_the_change(granularity):
    """No operator more than the graph of the original says, and none twice."""
    model = Drawn(["convolution", "residual", "beside", "excite"]).eval()
    x = torch.randn(5, 3, 8, 8)
    evaluator = Evaluator(model, x, batch_size=3)
    traces = [evaluator.trace(part) for part in range(2)]
    for name, network in variants(model, x[:2], granularity, 0.5):
        changed = evaluator.passes.changed(network)
        before = evaluator.computed
        assert_reused(evaluator, network, name)
        needed = sum(len(trace.reached(changed)[0]) for trace in traces)
        assert 0 < needed == evaluator.computed - before, name


def test_without_room_the_way_there_is_computed_again():
    model, x = Drawn(["convolution", "convolution"]).eval(), torch.randn(4, 3, 8, 8)
    evaluator = Evaluator(model, x, batch_size=4, budget_bytes=0)
    network = copy.deepcopy(model)
    network.head.weight = nn.Parameter(torch.randn_like(network.head.weight))
    evaluator.answers(network)
    assert convolutions(lambda: evaluator.answers(network)) == 3
    assert "takes longer" in str(evaluator.notes[0])
