"""The packed projections of attention: what is known of their parts is what each part reads."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz.statistics import layers_of
from tests.scoring import all_scored


class Crossed(nn.Module):
    """Attention whose queries read something else than its keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Linear(6, 6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        y = torch.tanh(self.other(x))
        return self.head(self.attention(y, x, x, need_weights=False)[0].mean(1))


@pytest.fixture
def network():
    torch.manual_seed(0)
    model = Crossed().eval()
    nn.init.normal_(model.attention.in_proj_bias)
    x = torch.randn(7, 5, 6)
    read = torch.tanh(model.other(x)).detach(), x, x  # by query, key and value
    return model, x, read


def known(network, criterion, kind):
    """Return what is known of the packed projection's weight."""
    model, x, _ = network
    found = all_scored(model, x, criterion, "head", torch.randint(0, 3, (7,)))
    return found.evidence.statistics[kind]["attention.in_proj_weight"]


def test_each_part_is_multiplied_with_what_it_reads(network):
    squares = known(network, "wanda", "input_squares")
    direct = [x.flatten(0, 1).square().sum(0).expand(6, 6) for x in network[2]]
    torch.testing.assert_close(squares.float(), torch.cat(direct))
    products = known(network, "obs", "input_products")
    rows = [x.flatten(0, 1) for x in network[2]]
    direct = torch.stack([x.T @ x / 7 for x in rows])
    torch.testing.assert_close(products.float(), direct)


def test_each_part_answers_by_itself(network):
    model, _, read = network
    packed = model.attention.in_proj_weight, model.attention.in_proj_bias
    weights = zip(*(each.detach().chunk(3) for each in packed), strict=True)
    answers = [nn.functional.linear(x, w, b) for x, (w, b) in zip(read, weights, strict=True)]
    direct = torch.cat([a.abs().mean((0, 1)) for a in answers])
    found = known(network, "activation_mean", "activation_mean")
    torch.testing.assert_close(found[:, 0].float(), direct)
    assert torch.equal(found, found[:, :1].expand(18, 6))


def test_a_gate_on_a_head_is_a_gate_on_its_values(network):
    """Σ a·∂L/∂a of all values is the derivative of a factor that scales what comes out."""
    model, x, _ = network
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    found = all_scored(model, x, "fisher_activation", "head", labels)
    squares = found.evidence.statistics["activation_gradient_squares"]["attention.in_proj_weight"]
    direct = torch.zeros(6)
    for place in range(6):
        gate = torch.ones((), requires_grad=True)
        row = torch.zeros(18, 1)
        row[12 + place] = 1
        state = {
            "attention.in_proj_weight": model.attention.in_proj_weight * (1 - row + row * gate),
            "attention.in_proj_bias": model.attention.in_proj_bias * (1 - row + row * gate)[:, 0],
        }
        for at in range(7):
            logits = torch.func.functional_call(model, state, (x[at : at + 1],))
            loss = nn.functional.cross_entropy(logits, labels[at : at + 1])
            direct[place] += torch.autograd.grad(loss, gate, retain_graph=True)[0].square() / 7
    torch.testing.assert_close(squares[12:, 0].float(), direct, rtol=1e-4, atol=1e-8)


def test_a_projection_of_its_own_is_a_layer_too():
    attention = nn.MultiheadAttention(6, 2, kdim=4, vdim=5)
    found = layers_of(attention)
    assert {"q_proj_weight", "k_proj_weight", "v_proj_weight"} < set(found)
    assert found["k_proj_weight"].columns == 4
    assert "in_proj_weight" not in found
