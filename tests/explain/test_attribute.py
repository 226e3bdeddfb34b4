"""Attributions against what is known exactly, for every registered method."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import relu_

from pruneviz.explain import METHODS, attribute
from pruneviz.explain.ablation import patches

IMAGE = (1, 3, 16, 16)


class Reused(nn.Module):
    """One in-place ReLU used twice, and a functional one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, stride=2, padding=1)
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(6, 4)

    def forward(self, x):
        y = self.relu(self.a(x))
        y = self.relu(self.b(y))
        y = y + 0.1
        return self.head(relu_(y).mean((2, 3)))


class Late(nn.Module):
    """A curve that few steps miss."""

    def forward(self, x):
        return torch.sigmoid(400 * (x.sum(1, keepdim=True) - 0.9)).repeat(1, 2)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Reused().eval().requires_grad_(False)


def _linear():
    torch.manual_seed(0)
    return nn.Linear(5, 3).eval(), torch.randn(1, 5)


@pytest.mark.parametrize("method", METHODS.names())
def test_every_method_leaves_model_and_input_as_they_were(method, model):
    x = torch.randn(IMAGE)
    before, given = copy.deepcopy(model.state_dict()), x.clone()
    first = attribute(model, x, 2, method)
    assert first.values.shape == x.shape
    assert first.values.any()
    assert first.places.shape == (16, 16)
    assert torch.equal(x, given)
    assert not x.requires_grad
    assert model.relu.inplace
    assert not any(m._forward_hooks or m._backward_hooks for m in model.modules())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(first.values, attribute(model, x, 2, method).values)


@pytest.mark.parametrize("method", METHODS.names())
def test_every_method_says_a_sentence_and_has_a_source(method):
    entry = METHODS.get(method)
    assert entry.sentence.endswith(".")
    assert entry.source.startswith("https://")


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient", "feature_ablation"])
def test_on_a_linear_model_an_attribution_is_weight_times_value(method):
    model, x = _linear()
    for target in range(3):
        found = attribute(model, x, target, method)
        assert torch.allclose(found.values, model.weight[target] * x, atol=1e-5)
        assert found.valid


def test_saliency_of_a_linear_model_is_its_weights():
    model, x = _linear()
    assert torch.equal(attribute(model, x, 1, "saliency").values[0], model.weight[1].abs())


def test_integrated_gradients_add_up_to_the_rise(model):
    x = torch.randn(IMAGE)
    found = attribute(model, x, 1, "integrated_gradients", {"steps": 200})
    rise = float(model(x)[0, 1] - model(torch.zeros_like(x))[0, 1])
    assert float(found.values.sum()) == pytest.approx(rise, rel=0.05)
    assert found.delta == pytest.approx(float(found.values.sum()) - rise, abs=1e-4)
    assert found.valid
    assert "Checked" in found.note


def test_a_sum_that_is_missed_is_said():
    found = attribute(
        Late().eval(), torch.full((1, 4), 0.25), 0, "integrated_gradients", {"steps": 10}
    )
    assert not found.valid
    assert "Do not trust" in found.note


@pytest.mark.parametrize("method", METHODS.names())
def test_an_answer_that_never_changes_has_nothing_to_see(method):
    torch.manual_seed(0)
    dead = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 2))
    nn.init.zeros_(dead[3].weight)
    found = attribute(dead.eval().requires_grad_(False), torch.randn(IMAGE), 1, method)
    assert not found.valid
    assert found.note.startswith("Nothing to see: every attribution is 0.")


def test_ablation_patches_cover_the_image_and_add_up():
    x = torch.randn(1, 3, 10, 7)
    mask = patches(x, 4)
    assert mask.shape == x.shape
    assert mask.unique().tolist() == list(range(16))
    flat = nn.Sequential(nn.Flatten(), nn.Linear(210, 2)).eval()
    found = attribute(flat, x, 0, "feature_ablation", {"patches": 4})
    share = (flat[1].weight[0].reshape(x.shape) * x)[mask == 3].sum()
    assert torch.allclose(found.places[mask[0, 0] == 3], share, atol=1e-5)


def test_what_cannot_be_explained_is_said_in_a_sentence(model):
    tabular, x = _linear()
    with pytest.raises(ValueError, match="needs a convolution"):
        attribute(tabular, x, 0, "grad_cam")
    with pytest.raises(ValueError, match="unknown attribution method"):
        attribute(tabular, x, 0, "tea_leaves")
    with pytest.raises(ValueError, match="class 9 is not one"):
        attribute(tabular, x, 9, "saliency")
    with pytest.raises(ValueError, match="one input at a time"):
        attribute(tabular, torch.randn(2, 5), 0, "saliency")
    flat = attribute(
        nn.Sequential(nn.Linear(5, 2), nn.Threshold(1e9, 0.0)).eval(), x, 0, "saliency"
    )
    assert not flat.valid
    assert "every attribution is 0" in flat.note
