"""Gradients of the loss, however few inputs go backwards together."""

from __future__ import annotations

import pytest
import torch

from pruneviz.statistics.derivatives import gradients, whole_gradient
from pruneviz.statistics.statistic import Samples, StatisticRequest
from pruneviz.subjects.samples.small_llama import SmallLlama
from pruneviz.tasks import TASKS

TASK = TASKS.get("language_modelling").implementation()
X = torch.randint(19, (70, 5), generator=torch.Generator().manual_seed(1))
Y = torch.randint(19, (70, 5), generator=torch.Generator().manual_seed(2))


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = SmallLlama(tokens=19, width=16, blocks=1, heads=2, groups=1, size=8, hidden=12)
    return made.double().eval()


def by_formula(network, part):
    network.zero_grad()
    TASK.loss(network(X[part]), Y[part]).backward()
    found = {name: p.grad.clone() for name, p in network.named_parameters()}
    network.zero_grad()
    return found


@pytest.mark.parametrize(("at_once", "together"), [(64, 64), (63, 7), (16, 2), (3, 1)])
def test_a_batch_s_gradient_is_that_of_its_mean_loss(network, at_once, together):
    sizes = []
    network.register_forward_hook(lambda module, given, output: sizes.append(len(output)))
    found = list(gradients(TASK, network, X, Y, at_once))
    assert max(sizes) == together
    for each, part in zip(found, (slice(64), slice(64, 70)), strict=True):
        for name, expected in by_formula(network, part).items():
            assert torch.allclose(each[name], expected, rtol=1e-9, atol=1e-15), name


def test_the_gradient_of_all_samples_is_that_of_the_mean_loss(network):
    given = Samples(x=X, y=Y, at_once=16)
    asked = StatisticRequest(
        criterion="grasp", model=network, example=X[:2], units=[], seed=0, settings={}, given=given,
        task=TASK,
    )  # fmt: skip
    expected = by_formula(network, slice(None))
    found = whole_gradient(asked, dict(network.named_parameters()))
    for name, each in found.items():
        assert torch.allclose(each, expected[name], rtol=1e-9, atol=1e-15), name
