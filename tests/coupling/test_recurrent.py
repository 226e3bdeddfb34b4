"""Recurrent layers and torch's own transformers are cut, and say the sizes that they have."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz.apply import apply
from pruneviz.proof import check, find_units


class Steps(nn.Module):
    """A recurrent cell between two layers, step by step."""

    def __init__(self, kind: type[nn.RNNCellBase]) -> None:
        super().__init__()
        self.first, self.cell, self.head = nn.Linear(4, 10), kind(10, 12), nn.Linear(12, 3)

    def forward(self, x):
        state = None
        for t in range(x.shape[1]):
            state = self.cell(self.first(x[:, t]), state)
        return self.head(state[0] if isinstance(state, tuple) else state)


class Sequence(nn.Module):
    """Layers before, within and behind a recurrent one."""

    def __init__(self, recurrent: nn.RNNBase, width: int) -> None:
        super().__init__()
        self.before, self.first = nn.Linear(4, 14), nn.Linear(14, 10)
        self.recurrent, self.head = recurrent, nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.recurrent(self.first(torch.relu(self.before(x))))[0])


class Translator(nn.Module):
    """torch's own transformer, which checks the width of what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 12)
        self.both = nn.Transformer(12, 2, 1, 1, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(12, 20)

    def forward(self, source, target):
        return self.head(self.both(self.table(source), self.table(target)))


def thinned(model: nn.Module, example: object) -> tuple[nn.Module, set[str]]:
    """Return the model with a third of each group's units cut out, and the layers that are cut."""
    assert check(model, example, 0.5)["max_relative_error"] <= 1e-5
    units, _ = find_units(model, example, "channel")
    applied = apply(model, units, {u.name: torch.arange(u.count) % 3 > 0 for u in units})
    assert applied.max_relative_error(example) <= 1e-5
    return applied.model, {layer for found in units for layer in found.layers}


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_a_cell_is_cut_by_hidden_unit(kind):
    torch.manual_seed(0)
    small, layers = thinned(Steps(kind).eval(), torch.randn(2, 3, 4))
    assert {"first", "cell"} <= layers
    assert (small.cell.input_size, small.cell.hidden_size) == (6, 8)
    rebuilt = kind(small.cell.input_size, small.cell.hidden_size)
    assert {n: p.shape for n, p in rebuilt.named_parameters()} == {
        n: p.shape for n, p in small.cell.named_parameters()
    }


@pytest.mark.parametrize(
    ("kind", "options", "width"),
    [(nn.LSTM, {"proj_size": 6}, 6), (nn.LSTM, {}, 12), (nn.GRU, {}, 12), (nn.RNN, {}, 12),
     (nn.LSTM, {"proj_size": 6, "bidirectional": True}, 12), (nn.LSTM, {"num_layers": 2}, 12)],
)  # fmt: skip
def test_what_is_beside_a_recurrent_layer_is_cut_and_the_layer_says_its_sizes(kind, options, width):
    torch.manual_seed(0)
    model = Sequence(kind(10, 12, batch_first=True, **options), width).eval()
    small, layers = thinned(model, torch.randn(2, 3, 4))
    assert {"before", "first", "recurrent"} <= layers
    own = small.recurrent
    sizes = {"proj_size": own.proj_size} if "proj_size" in options else {}
    rebuilt = kind(own.input_size, own.hidden_size, **{**options, **sizes})
    assert {n: p.shape for n, p in rebuilt.named_parameters()} == {
        n: p.shape for n, p in own.named_parameters()
    }


def test_a_transformer_expects_the_width_that_it_is_left_with():
    torch.manual_seed(0)
    example = torch.randint(0, 20, (2, 5)), torch.randint(0, 20, (2, 4))
    small, layers = thinned(Translator().eval(), example)
    assert "table" in layers
    assert small.both.d_model == small.table.embedding_dim == 8


STATES = {
    "none": lambda net, x, shape: None,
    "zeros": lambda net, x, shape: torch.zeros(shape),
    "of the layer's size": lambda net, x, shape: torch.zeros(*shape[:-1], net.layer.hidden_size),
    "like the input": lambda net, x, shape: x.new_zeros(shape),
    "like another": lambda net, x, shape: torch.zeros_like(net.like.expand(shape)),
    "filled": lambda net, x, shape: next(net.parameters()).data.new(*shape).zero_(),
    "ones": lambda net, x, shape: torch.ones(shape),
    "a buffer": lambda net, x, shape: net.zero.expand(shape).contiguous(),
}
LAYERS = {
    "RNN": {"batch_first": True},
    "GRU": {"num_layers": 2},
    "LSTM": {"bidirectional": True, "batch_first": True},
    "RNNCell": {},
    "GRUCell": {},
    "LSTMCell": {},
}


class Begun(nn.Module):
    """A recurrent layer or cell that is given its first state, made in one of many ways."""

    def __init__(self, kind: str, state: str) -> None:
        super().__init__()
        options = LAYERS[kind]
        self.layer, self.state = getattr(nn, kind)(6, 12, **options), STATES[state]
        self.first, self.ways = options.get("batch_first", False), 1 + ("bidirectional" in options)
        self.head, self.pairs = nn.Linear(12 * self.ways, 3), "LSTM" in kind
        self.layers = options.get("num_layers", 1) * self.ways
        self.register_buffer("zero", torch.zeros(1))
        self.register_buffer("like", torch.zeros(1))

    def given(self, x, shape):
        begin = self.state(self, x, shape)
        return (begin, begin.clone()) if self.pairs and begin is not None else begin

    def forward(self, x):
        if isinstance(self.layer, nn.RNNBase):
            samples = x.shape[0 if self.first else 1]
            out = self.layer(x, self.given(x, (self.layers, samples, 12)))[0]
            return self.head(out[:, -1] if self.first else out[-1])
        state = self.given(x, (len(x), 12))
        for t in range(x.shape[1]):
            state = self.layer(x[:, t], state)
        return self.head(state[0] if self.pairs else state)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("state", [name for name in STATES if name not in ("none", "ones")])
def test_a_layer_that_is_given_zeros_is_cut_as_without_them(kind, state):
    torch.manual_seed(0)
    example, networks = torch.randn(3, 4, 6), []
    plain = Begun(kind, "none").eval()
    for name in ("none", state):
        model = Begun(kind, name).eval()
        model.load_state_dict(plain.state_dict())
        networks.append(thinned(model, example))
    (without, layers), (small, same) = networks
    assert layers == same
    assert "layer" in layers
    assert small.layer.hidden_size == 8
    with torch.no_grad():
        assert torch.equal(small(example), without(example))


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_that_begins_with_ones_is_cut_and_begins_with_fewer(kind):
    torch.manual_seed(0)
    example = torch.randn(3, 4, 6)
    small, _ = thinned(Begun(kind, "ones").eval(), example)
    width, numbers = small.layer.hidden_size, small.layer.state_dict()
    assert width == 8
    by_hand = Begun(kind, "ones").eval()
    by_hand.layer = getattr(nn, kind)(6, width, **LAYERS[kind])
    by_hand.layer.load_state_dict(numbers)
    by_hand.state = lambda net, x, shape: torch.ones(*shape[:-1], width)
    by_hand.head = small.head
    with torch.no_grad():
        assert torch.allclose(small(example), by_hand(example), atol=1e-6)


@pytest.mark.parametrize("kind", ["GRU", "LSTMCell"])
def test_a_first_state_of_several_values_still_has_to_fit(kind):
    torch.manual_seed(0)
    small, _ = thinned(Begun(kind, "zeros").eval(), torch.randn(3, 4, 6))
    state = torch.arange(12.0).expand((2, 4, 12) if kind == "GRU" else (3, 12))
    x = torch.randn(3, 4, 6) if kind == "GRU" else torch.randn(3, 6)
    with pytest.raises(RuntimeError, match="12"):
        small.layer(x, state if kind == "GRU" else (state, state))


def test_a_state_that_the_caller_gives_is_no_zeros_of_the_layer():
    class Given(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = nn.GRU(6, 12, batch_first=True), nn.Linear(12, 3)

        def forward(self, x, state):
            return self.head(self.layer(x, state)[0])

    units, _ = find_units(Given().eval(), (torch.randn(2, 4, 6), torch.zeros(1, 2, 12)), "channel")
    assert units == ()
