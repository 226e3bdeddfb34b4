"""Patterns of other libraries' code: each is cut exactly, with the sizes that modules remember."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.proof import check, find_units


class Heads(nn.Module):
    """Attention over (N, T, 12) with a head size that it remembers; subclasses say how."""

    def __init__(self, heads: int = 4, keys: int = 4, inside: int = 6) -> None:
        super().__init__()
        self.heads, self.keys, self.inside = heads, keys, inside
        self.query = nn.Linear(12, heads * inside)
        self.key, self.value = nn.Linear(12, keys * inside), nn.Linear(12, keys * inside)
        self.out = nn.Linear(heads * inside, 12)

    def split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], -1, self.inside).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split(layer(x)) for layer in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(q, k, v, scale=0.4)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Rotary(Heads):
    """Queries and keys are turned: halves are exchanged, by angles of a table of frequencies."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rates", torch.linspace(0.1, 1, 3))

    def turned(self, x: Tensor) -> Tensor:
        angles = torch.arange(5.0)[None, :, None] @ self.rates[None, None, :]
        angles = torch.cat([angles, angles], -1)
        one, other = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
        return x * angles.cos() + torch.cat([-other, one], -1) * angles.sin()

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split(layer(x)) for layer in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(self.turned(q), self.turned(k), v, scale=0.4)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Shared(Heads):
    """Each key and value serves two queries; the size inside is a number in the code."""

    def __init__(self) -> None:
        super().__init__(4, 2, 6)

    def split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], -1, 6).transpose(1, 2)

    def several(self, x: Tensor) -> Tensor:
        n, heads, places, inside = x.shape
        return x[:, :, None].expand(n, heads, 2, places, inside).reshape(n, -1, places, inside)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split(layer(x)) for layer in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(q, self.several(k), self.several(v), scale=0.4)
        return self.out(mixed.transpose(1, 2).flatten(2))


class FromInput(nn.Module):
    """Attention that computes every size from the width of what comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = 3
        self.all, self.out = nn.Linear(12, 36), nn.Linear(12, 12)

    def forward(self, x: Tensor) -> Tensor:
        n, places, width = x.shape
        parts = self.all(x).reshape(n, places, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, scale=0.4)
        return self.out(mixed.transpose(1, 2).reshape(n, places, width))


class InThirds(nn.Module):
    """Queries, keys and values in one matrix, (in, out), split by a size that is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.part, self.inside = 24, 6
        self.all = nn.Parameter(torch.randn(12, 72) * 0.3)
        self.out = nn.Linear(24, 12)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.view(*x.shape[:2], -1, self.inside).transpose(1, 2)
            for part in (x @ self.all).split(self.part, dim=2)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, scale=0.4)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Around(nn.Module):
    """A layer, the pattern beside an identity, a head; a token of its own is put before."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.first, self.token = nn.Linear(4, 12), nn.Parameter(torch.randn(1, 1, 12))
        self.places = nn.Parameter(torch.randn(1, 5, 12))
        self.inner, self.head = inner, nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(len(x), -1, -1), self.first(x)], 1) + self.places
        return self.head((x + self.inner(x))[:, 0])


@pytest.mark.parametrize("kind", [Heads, Rotary, Shared, FromInput, InThirds])
def test_attention_of_every_make_is_cut_with_the_stream_around_it(kind):
    torch.manual_seed(0)
    model, example = Around(kind()).eval(), torch.randn(2, 4, 4)
    result = check(model, example, 0.5)
    assert {item["name"] for item in result["skipped"]} == {"head"}
    assert result["max_relative_error"] <= 1e-5
    assert result["parameters"]["pruned"] < 0.6 * result["parameters"]["original"]


def test_a_shared_key_goes_with_the_queries_that_it_serves():
    torch.manual_seed(0)
    units, _ = find_units(Around(Shared()).eval(), torch.randn(2, 4, 4), "channel")
    heads = next(layer for layer in units if "inner.query" in layer.layers)
    assert heads.count == 2
    keep = heads.axis_keep(torch.tensor([True, False]))
    assert keep["inner.query.weight", 0].tolist() == [True] * 12 + [False] * 12
    assert keep["inner.key.weight", 0].tolist() == [True] * 6 + [False] * 6


class Standardised(nn.Conv2d):
    """A convolution whose weights are brought to mean 0 and variance 1, filter by filter."""

    def forward(self, x: Tensor) -> Tensor:
        flat = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(flat, None, None, training=True, momentum=0.0).reshape_as(self.weight)
        return F.conv2d(x, weight, self.bias)


class InPieces(nn.Module):
    """Channels in pieces of a remembered width, each with a convolution of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.width, self.sizes = 4, [4, 8]
        self.one, self.two = nn.Conv2d(8, 12, 1), nn.Conv2d(12, 12, 1)
        self.parts = nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in range(3))
        self.few, self.many = nn.Conv2d(4, 4, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        pieces = torch.split(torch.relu(self.one(x)), self.width, 1)
        x = torch.cat([part(p) for part, p in zip(self.parts, pieces, strict=True)], 1)
        few, many = torch.split(torch.relu(self.two(x)), self.sizes, 1)
        return self.few(few) + self.many(many)


class Beside(nn.Module):
    """Four pieces whose sizes are remembered one by one, all 3 by chance; the first stays as is."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Conv2d(8, 12, 1), nn.Conv2d(12, 5, 1)
        self.sizes = (12 - 3 * 3, 3, 3, 3)
        self.parts = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1, groups=3) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first, *others = torch.split(torch.relu(self.wide(x)), self.sizes, dim=1)
        mixed = [part(other) for part, other in zip(self.parts, others, strict=True)]
        return self.narrow(torch.cat([first, *mixed], 1))


@pytest.mark.parametrize(
    ("inner", "width"),
    [
        (nn.Sequential(Standardised(8, 10, 3), nn.ReLU(), Standardised(10, 6, 3)), 6),
        (InPieces(), 4),
        (Beside(), 5),
    ],
    ids=["normalised weights", "pieces", "pieces of one size"],
)
def test_convolutions_of_other_makes_are_cut(inner, width):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.inner = nn.Conv2d(3, 8, 3), inner
            self.head = nn.Linear(width, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.inner(torch.relu(self.first(x))).mean((2, 3)))

    torch.manual_seed(0)
    result = check(Net().eval(), torch.randn(2, 3, 9, 9), 0.5)
    assert {item["name"] for item in result["skipped"]} == {"head"}
    assert result["max_relative_error"] <= 1e-5


def test_what_is_added_to_scores_goes_with_the_heads_of_both_layers():
    class Biased(nn.Module):
        """Two attentions add one table to their scores, so they lose the same heads."""

        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(9, 4)
            self.one, self.two, self.head = Numbered(), Numbered(), nn.Linear(12, 3)

        def forward(self, x: Tensor) -> Tensor:
            apart = torch.arange(4)[:, None] - torch.arange(4)[None, :] + 4
            added = self.table(apart).permute(2, 0, 1)[None]
            return self.head(self.two(self.one(x, added), added).mean(1))

    class Numbered(Heads):
        def forward(self, x: Tensor, added: Tensor) -> Tensor:
            n, places, _ = x.shape
            q, k, v = (
                layer(x).view(n, places, self.heads, 6).transpose(1, 2)
                for layer in (self.query, self.key, self.value)
            )
            mixed = F.scaled_dot_product_attention(q, k, v, added.expand(n, -1, -1, -1), scale=0.4)
            return self.out(mixed.transpose(1, 2).flatten(2))

    torch.manual_seed(0)
    model, example = Biased().eval(), torch.randn(2, 4, 12)
    assert check(model, example, 0.5)["max_relative_error"] <= 1e-5
    units, _ = find_units(model, example, "channel")
    heads = next(layer for layer in units if "one.query" in layer.layers)
    assert {"table", "one.query", "two.query"} <= set(heads.layers)
