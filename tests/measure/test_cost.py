"""Counts against formulas, timings against themselves."""

from __future__ import annotations

import torch
from torch import nn

from pruneviz.measure.cost import OTHER, macs_by_parameter, masked_macs, parameters_by_name
from pruneviz.measure.latency import time_pair


def test_macs_of_convolutions_and_linear_layers():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8),
        nn.Flatten(), nn.Linear(8 * 16, 5),
    ).eval()  # fmt: skip
    macs = macs_by_parameter(model, torch.randn(2, 3, 8, 8))
    assert macs == {
        "0.weight": 8 * 8 * 8 * 3 * 9,
        "1.weight": 4 * 4 * 8 * 9,
        "3.weight": 8 * 16 * 5,
    }
    mask = torch.zeros(5, 128, dtype=torch.bool)
    mask[:, :32] = True
    assert masked_macs(macs, {"3.weight": mask})["3.weight"] == 160


def test_products_of_activations_belong_to_no_parameter():
    class Attend(nn.Module):
        def __init__(self):
            super().__init__()
            self.q = nn.Linear(4, 4)

        def forward(self, x):
            q = self.q(x)
            return q @ q.transpose(1, 2)

    macs = macs_by_parameter(Attend().eval(), torch.randn(3, 5, 4))
    assert macs == {"q.weight": 5 * 4 * 4, "": 5 * 5 * 4}


def test_shared_parameters_count_once():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    assert sum(parameters_by_name(model).values()) == 16 + 4 + 4


def test_a_model_against_itself_is_as_fast_as_itself():
    model = nn.Sequential(nn.Conv2d(8, 32, 3), nn.ReLU(), nn.Conv2d(32, 8, 3)).eval()
    timings = time_pair(model, model, torch.randn(1, 8, 32, 32), runs=200)
    pair = timings.summary()
    assert len(timings.original_ms) == len(timings.pruned_ms) == pair.original.runs == 200
    assert 0.8 < pair.speedup < 1.25
    low, high = pair.original.median_interval
    assert low <= pair.original.median <= high
    assert pair.original.median <= pair.original.p95 <= pair.original.p99
    assert pair.speedup_interval[0] <= pair.speedup <= pair.speedup_interval[1]


def test_a_time_limit_ends_early_but_never_before_three():
    model = nn.Linear(4, 4).eval()
    assert len(time_pair(model, model, torch.randn(1, 4), 10**6, limit_s=0.0).original_ms) == 3


def test_the_products_of_packed_attention_are_counted():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(12, 3, 16, batch_first=True).eval()
    macs = macs_by_parameter(layer, torch.randn(2, 5, 12))
    assert macs["self_attn.in_proj_weight"] == 5 * 12 * 36
    assert macs["self_attn.out_proj.weight"] == 5 * 12 * 12
    assert macs["linear1.weight"] == 5 * 12 * 16
    assert macs[OTHER] == 2 * 3 * 5 * 5 * 4, "scores and their sums, by head"
