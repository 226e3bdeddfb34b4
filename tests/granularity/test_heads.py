"""Heads of attention: whole ones go, exactly, and what is no head is said to be none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.apply import apply
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.proof.perturb import perturbed
from pruneviz.run import run


class Fused(nn.Module):
    """Attention whose module remembers how many heads it has."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.heads = nn.Linear(6, 12), 4
        self.query, self.key, self.value = (nn.Linear(12, 12) for _ in range(3))
        self.out, self.head = nn.Linear(12, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.before(x))
        q, k, v = (
            layer(x).view(*x.shape[:2], self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        return self.head(self.out(self.mix(q, k, v).transpose(1, 2).flatten(2)))

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v)


class Products(Fused):
    """The same by products, with a scale for each head."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(4, 1, 1))

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return ((q @ k.mT) * self.scale).softmax(-1) @ v


class Packed(nn.Module):
    """torch's own attention between two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Linear(6, 12)
        self.layer = nn.TransformerEncoderLayer(12, 4, 16, batch_first=True)
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.before(x)))


def made(kind: type[nn.Module]) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    example = torch.randn(2, 5, 6)
    return perturbed(kind().eval(), example), example


@pytest.mark.parametrize("kind", [Fused, Products, Packed])
def test_each_head_goes_exactly(kind):
    model, example = made(kind)
    units, skipped = find_units(model, example, "head")
    assert [layer.count for layer in units] == [4]
    for gone in range(4):
        applied = apply(model, units, {units[0].name: torch.arange(4) != gone})
        assert applied.max_relative_error(example) <= 1e-5
        assert applied.model(torch.randn(3, 7, 6)).shape == (3, 7, 4)
    reasons = {item.name: item.reason for item in skipped}
    out = "layer.self_attn.out_proj" if kind is Packed else "out"
    assert reasons[out].startswith("it reads the heads, so its inputs go with them")
    assert reasons["before"] == "its outputs are not split into several heads of attention"
    assert set(reasons).isdisjoint(units[0].layers)


def test_a_head_takes_its_rows_and_its_columns():
    model, example = made(Products)
    units, _ = find_units(model, example, "head")
    small = apply(model, units, {units[0].name: torch.tensor([True, False, True, False])}).model
    assert small.heads == 2
    assert small.scale.shape == (2, 1, 1)
    rows = [0, 1, 2, 6, 7, 8]
    assert torch.equal(small.query.weight, model.query.weight[rows])
    assert torch.equal(small.value.bias, model.value.bias[rows])
    assert torch.equal(small.out.weight, model.out.weight[:, rows])
    assert torch.equal(small.before.weight, model.before.weight), "the stream keeps its width"


def test_a_network_without_attention_has_no_heads():
    with pytest.raises(ValueError, match="no head that can be pruned"):
        run(Plan(model="sample:digits-cnn", granularity="head", sparsity=0.5), latency_runs=1)
