"""Channels of a pruned layer keep the numbers they had, and importance adds up."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from pruneviz.explain import convolutions_and_linears, detectors, on_original_channels, surviving


@dataclass(frozen=True)
class Cut:
    parameter: str
    axis: int
    kept: tuple[int, ...]


def _network(channels=6):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, channels, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(channels * 36, 3)
    ).eval()


def test_maps_are_the_layers_output_and_importance_is_activation_times_gradient():
    model, x = _network(), torch.randn(1, 1, 8, 8)
    found = detectors(model, x, "0", 1)
    output = model[0](x)
    assert torch.equal(found.maps, output[0])
    weight = model[3].weight[1].reshape(6, 6, 6)
    expected = (output.relu()[0] * weight).flatten(1).sum(1)
    assert torch.allclose(found.importance, expected, atol=1e-5)


def test_channels_of_a_linear_layer_are_its_features():
    found = detectors(_network(), torch.randn(1, 1, 8, 8), "3", 0)
    assert found.maps.shape == (3,)
    assert found.importance[1:].abs().sum() == 0


def test_a_cut_layer_is_shown_under_the_original_numbers():
    model, x, kept = _network(), torch.randn(1, 1, 8, 8), (0, 2, 5)
    small = _network(3)
    with torch.no_grad():
        small[0].weight.copy_(model[0].weight[list(kept)])
        small[0].bias.copy_(model[0].bias[list(kept)])
    keep = surviving("0", 6, [Cut("0.weight", 0, kept), Cut("0.bias", 0, kept)], {})
    assert keep.nonzero().flatten().tolist() == list(kept)
    whole = detectors(model, x, "0", 0)
    found = on_original_channels(detectors(small, x, "0", 0), keep)
    assert torch.allclose(found.maps[keep], whole.maps[keep], atol=1e-6)
    assert not found.maps[~keep].any()
    with pytest.raises(ValueError, match="has 3 channels, 4 should stay"):
        on_original_channels(detectors(small, x, "0", 0), torch.tensor([1, 1, 1, 1, 0, 0]).bool())


def test_a_masked_channel_survives_while_one_weight_does():
    mask = torch.zeros(6, 1, 3, 3, dtype=torch.bool)
    mask[1, 0, 2, 2] = True
    assert surviving("0", 6, [], {"0.weight": mask}).nonzero().flatten().tolist() == [1]
    assert surviving("0", 6, [], {}).all()


def test_layers_that_do_not_exist_are_named():
    assert convolutions_and_linears(_network()) == ("0", "3")
    with pytest.raises(ValueError, match="no layer 'nine'"):
        detectors(_network(), torch.randn(1, 1, 8, 8), "nine", 0)
