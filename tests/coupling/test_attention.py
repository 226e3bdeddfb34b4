"""Attention, tables, averages and regions: what goes together in each, and what is kept whole."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.apply import apply
from pruneviz.coupling import trace
from pruneviz.proof import check, find_units
from pruneviz.proof.perturb import perturbed
from pruneviz.pruned.surgery import Size


class Attention(nn.Module):
    """Attention whose heads and width are sizes that the module remembers."""

    def __init__(self, width: int = 12, heads: int = 3, inside: int = 8) -> None:
        super().__init__()
        self.heads, self.inside = heads, inside
        self.query, self.key = nn.Linear(width, heads * inside), nn.Linear(width, heads * inside)
        self.value, self.out = nn.Linear(width, heads * inside), nn.Linear(heads * inside, width)

    def split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, self.inside).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split(layer(x)) for layer in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.out(mixed)


class Own(Attention):
    """The same by matrix products, with a scale that does not know the width."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split(layer(x)) for layer in (self.query, self.key, self.value))
        scores = (q @ k.transpose(-1, -2)) * 0.3
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A transformer block over a table of words, with tied outputs beside a head."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.table, self.places = nn.Embedding(20, 12), nn.Parameter(torch.randn(1, 5, 12))
        self.norm, self.attention = nn.LayerNorm(12), attention
        self.up, self.down = nn.Linear(12, 16), nn.Linear(16, 12)
        self.last, self.head = nn.LayerNorm(12), nn.Linear(12, 4)

    def forward(self, words: Tensor) -> Tensor:
        x = self.table(words) + self.places
        x = x + self.attention(self.norm(x))
        x = x + self.down(F.gelu(self.up(x)))
        return self.head(self.last(x).mean(1))


def block(kind: type[nn.Module]) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    words = torch.randint(20, (2, 5))
    return perturbed(Block(kind()).eval(), words), words


@pytest.mark.parametrize("kind", [Attention, Own])
def test_the_width_inside_heads_goes_equally_from_each(kind):
    model, words = block(kind)
    units, skipped = find_units(model, words, "channel")
    by_name = {layer.name: layer for layer in units}
    inside = by_name["attention.query"]
    assert inside.count == 8, "one of each head"
    # The size is remembered once for all three, so the values lose as many as the queries.
    assert inside.layers == ("attention.query", "attention.key", "attention.value")
    assert {item.name for item in skipped} == {"head"}
    result = check(model, words, 0.5)
    assert result["max_relative_error"] <= 1e-4


def test_the_stream_between_blocks_is_cut_with_its_table_and_norms():
    model, words = block(Attention)
    units, _ = find_units(model, words, "channel")
    stream = next(layer for layer in units if "table" in layer.layers)
    assert stream.count == 12
    assert {"table", "attention.out", "down"} <= set(stream.layers)
    keep = {layer.name: torch.ones(layer.count, dtype=torch.bool) for layer in units}
    keep[stream.name] = torch.arange(12) > 4
    small = apply(model, units, keep).model
    assert small.table.embedding_dim == 7
    assert small.norm.normalized_shape == (7,)
    assert small.places.shape == (1, 5, 7)
    # By hand: the same network with every tensor cut, its norms over what is left.
    by_hand = copy.deepcopy(model)
    chosen = torch.arange(5, 12)
    for name, parameter in by_hand.named_parameters():
        axes = [a for a, size in enumerate(parameter.shape) if size == 12]
        for axis in axes:
            parameter.data = parameter.data.index_select(axis, chosen)
        assert parameter.shape == small.get_parameter(name).shape
    by_hand.norm.normalized_shape = by_hand.last.normalized_shape = (7,)
    torch.testing.assert_close(small(words), by_hand(words))


def test_whole_heads_go_where_the_width_inside_is_fixed():
    class Fixed(Own):
        def split(self, x: Tensor) -> Tensor:
            return x.view(*x.shape[:2], -1, 8).transpose(1, 2)

    model, words = block(Fixed)
    units, skipped = find_units(model, words, "channel")
    heads = next(layer for layer in units if "attention.query" in layer.layers)
    assert heads.count == 3
    assert set(heads.layers) == {"attention.query", "attention.key", "attention.value"}
    assert {item.name for item in skipped} == {"head"}
    assert check(model, words, 0.4)["max_relative_error"] <= 1e-4


def test_a_cut_says_which_sizes_modules_remember():
    model, words = block(Attention)
    units, _ = find_units(model, words, "channel")
    keep = {layer.name: torch.arange(layer.count) % 2 == 0 for layer in units}
    applied = apply(model, units, keep)
    assert Size("attention.inside", -1, 4) in applied.sizes
    assert applied.model.attention.inside == 4
    assert model.attention.inside == 8, "the original remembers what it did"


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_layers_lose_hidden_units(kind, layers):
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before = nn.Linear(4, 6)
            self.read, self.head = kind(6, 8, layers, batch_first=True), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.read(self.before(x))[0][:, -1])

    torch.manual_seed(0)
    model, example = Reader().eval(), torch.randn(2, 5, 4)
    units, skipped = find_units(model, example, "channel")
    assert {item.name for item in skipped} == {"head"}
    assert sorted(layer.count for layer in units) == [6, *[8] * layers][: len(units)]
    keep = {layer.name: torch.arange(layer.count) > 1 for layer in units}
    small = apply(model, units, keep).model
    assert (small.read.input_size, small.read.hidden_size) == (4, 6)
    assert small(torch.randn(3, 7, 4)).shape == (3, 2)
    assert check(model, example, 0.5)["max_relative_error"] <= 1e-4


def test_regions_pass_the_channels_of_their_map_on():
    class Regions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8 * 4, 5)

        def forward(self, x: Tensor) -> Tensor:
            from torchvision.ops import roi_align

            boxes = torch.tensor([[0.0, 1, 1, 6, 6], [1, 0, 0, 5, 7], [0, 2, 2, 7, 7]])
            found = roi_align(torch.relu(self.features(x)), boxes, (2, 2))
            placed = torch.zeros(3, found.shape[1], 2, 2)
            placed[torch.tensor([2, 0, 1])] = found
            return self.head(placed.flatten(1))

    model, example = Regions().eval(), torch.randn(2, 3, 8, 8)
    assert [group.name for group in trace(model, example).groups] == ["features"]
    assert check(model, example, 0.5)["max_relative_error"] <= 1e-5


def test_what_is_chosen_by_value_is_chosen_alike_in_both_networks():
    class Choosing(nn.Module):
        """Near-equal scores: the last digit decides which rows come first."""

        def __init__(self) -> None:
            super().__init__()
            self.one, self.score = nn.Linear(8, 16), nn.Linear(16, 1)
            self.other = nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            hidden = torch.relu(self.one(x))
            score = 1e-7 * self.score(hidden)[:, 0] + 1.0
            return self.other(hidden[score.topk(5).indices])

    torch.manual_seed(0)
    result = check(Choosing().eval(), torch.randn(20, 8), 0.5)
    assert result["groups"] == 1
    assert result["max_relative_error"] <= 1e-5


def test_a_wrong_cut_is_seen_where_the_answer_is_a_choice_alone():
    class Choosing(nn.Module):
        """What it adds depends on how many units there are, and only the choice comes out."""

        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, x: Tensor) -> Tensor:
            hidden = torch.relu(self.one(x))
            return (self.two(hidden) + hidden.shape[1] * torch.arange(4.0)).argmax(1)

    torch.manual_seed(0)
    result = check(Choosing().eval(), torch.randn(4, 8), 0.5)
    assert result["groups"] == 0
    assert (
        "differs from the masked one" in {s["name"]: s["reason"] for s in result["skipped"]}["one"]
    )


def test_several_inputs_are_traced_as_a_tuple():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.head = nn.Linear(4, 8), nn.Linear(3, 8), nn.Linear(8, 2)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.head(torch.relu(self.left(a) + self.right(b)))

    example = (torch.randn(2, 4), torch.randn(2, 3))
    (group,) = trace(Two().eval(), example).groups
    assert set(group.layers) == {"left", "right"}
    assert check(Two().eval(), example, 0.5)["max_relative_error"] <= 1e-5
