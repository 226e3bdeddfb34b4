"""Whatever is pruned, the evaluator's answers are a plain pass's, bit for bit."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.reuse import Evaluator
from pruneviz.reuse.trace import INPUT
from tests.coupling.parts import PARTS, Drawn, drawn
from tests.coupling.test_zoo import ZOO, made
from tests.reuse.reusing import assert_reused, plain, variants

CLASSIFIERS = ("googlenet", "densenet121", "mobilenet_v3_small", "shufflenet_v2_x0_5", "swin_t",
               "r3d_18")  # fmt: skip


@given(
    names=drawn,
    granularity=st.sampled_from(["weight", "channel"]),
    sparsity=st.sampled_from([0.2, 0.5, 0.8]),
    budget=st.sampled_from([0, 4_000, 2**28]),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_a_drawn_network_answers_as_in_a_plain_pass(names, granularity, sparsity, budget, seed):
    torch.manual_seed(seed)
    model, x = Drawn(names).eval(), torch.randn(7, 3, 8, 8)
    before, inputs = copy.deepcopy(model.state_dict()), x.clone()
    evaluator = Evaluator(model, x, batch_size=3, budget_bytes=budget)
    assert torch.equal(evaluator.original_answers(), plain(evaluator, model))
    for name, network in variants(model, x[:2], granularity, sparsity):
        assert_reused(evaluator, network, name)
    assert evaluator.store.peak_bytes <= budget
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert torch.equal(inputs, x)


@pytest.mark.parametrize("name", PARTS)
def test_each_part_is_followed_in_both_granularities(name):
    model, x = Drawn(["convolution", name, "convolution"]).eval(), torch.randn(5, 3, 8, 8)
    evaluator = Evaluator(model, x, batch_size=2)
    for granularity in ("weight", "channel"):
        for layer, network in variants(model, x[:2], granularity, 0.5):
            assert_reused(evaluator, network, layer)


@pytest.mark.filterwarnings("ignore:The default weight initialization")
@pytest.mark.parametrize("granularity", ["weight", "channel"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_networks_of_torchvision_answer_as_in_a_plain_pass(name, granularity):
    model, shape = made(name), ZOO[name][0]
    x = torch.rand(3, *shape[1:])
    evaluator = Evaluator(model, x, batch_size=2)
    for layer, network in variants(model, x[:2], granularity, 0.5, most=4):
        assert_reused(evaluator, network, layer)


def test_attention_in_one_call_is_followed():
    model = torchvision.models.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=10).eval()
    x = torch.rand(5, 3, 32, 32)
    evaluator = Evaluator(model, x, batch_size=2)
    for granularity in ("weight", "channel", "head"):
        for layer, network in variants(model, x[:2], granularity, 0.5):
            assert_reused(evaluator, network, layer)


def test_whole_blocks_left_out_answer_as_in_a_plain_pass():
    model, x = torchvision.models.resnet18(weights=None).eval(), torch.rand(3, 3, 64, 64)
    evaluator = Evaluator(model, x, batch_size=2)
    for layer, network in variants(model, x[:2], "depth", 0.5):
        assert_reused(evaluator, network, layer)


def test_only_what_a_change_reaches_is_computed():
    """The frontier of the last layer is what it reads, and nothing else is kept."""
    model, x = Drawn(["convolution", "residual", "excite"]).eval(), torch.randn(4, 3, 8, 8)
    evaluator = Evaluator(model, x, batch_size=4)
    evaluator.original_answers()
    trace = evaluator.passes.traces[0]
    assert trace.frontier({"head.weight"}) != frozenset()
    assert INPUT not in trace.frontier({"first.weight"})
    network = copy.deepcopy(model)
    network.head.weight = torch.nn.Parameter(torch.randn_like(network.head.weight))
    assert_reused(evaluator, network)
    features = 4 * network.head.in_features * x.element_size()
    assert sum(v.nbytes() for v in evaluator.store.of(0).values()) == features
