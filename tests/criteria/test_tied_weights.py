"""Embeddings: a weight that a layer shares is the layer's; any other is looked up row by row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pruneviz.criteria import CRITERIA, score_asked
from pruneviz.statistics import layers_of
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing
from tests.scoring import all_scored, asked, is_refused, scored


class Tied(nn.Module):
    """A text's mean embedding, a layer, and a score for each token by the embedding's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.inner = nn.Linear(4, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.inner(self.embedding(x).mean(1))))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Tied().eval(), torch.randint(0, 7, (9, 5))


def known(network, criterion, kind, name="embedding.weight"):
    model, x = network
    found = all_scored(model, x, criterion, "channel", torch.randint(0, 3, (len(x),)))
    return found.evidence.statistics[kind][name]


def test_it_is_the_layer_that_answers_with_it(network):
    layer = layers_of(network[0])["embedding.weight"]
    assert (layer.outputs, layer.columns, layer.transposed) == (7, 4, False)


def test_inputs_and_answers_are_those_of_the_layer(network):
    model, x = network
    read = torch.relu(model.inner(model.embedding(x).mean(1))).detach()
    squares = read.double().square().sum(0).expand(7, 4)
    torch.testing.assert_close(known(network, "wanda", "input_squares").double(), squares)
    norms = known(network, "activation_l2", "activation_squares")
    assert norms.shape == (7, 4)
    assert (norms == norms[:, :1]).all()
    answers = (read @ model.head.weight.T).double().square().mean(0)
    torch.testing.assert_close(norms[:, 0].double(), answers, rtol=1e-5, atol=0)


@pytest.mark.parametrize("criterion", CRITERIA.names())
def test_every_criterion_scores_every_channel(network, criterion):
    labels = torch.randint(0, 7, (9,))
    given = {"method": "activation_x_gradient"} if criterion == "attribution" else {}
    question = asked(*network, criterion, "channel", labels, **given)
    assert question.units
    if not is_refused(criterion, network[0], question.units):
        scores = score_asked(question).scores
        assert all(scores[units.name].shape == (units.count,) for units in question.units)


def test_conductance_says_that_tokens_have_none(network):
    with pytest.raises(RefusedError) as caught:
        score_asked(asked(*network, "attribution", "channel", torch.zeros(9, dtype=torch.long)))
    assert caught.value.fact == choosing.no_way_to_tokens("attribution")


class Looked(nn.Module):
    """Tables of tokens and places, added up, and a layer that reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(7, 4), nn.Embedding(5, 4)
        self.hidden, self.head = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        there = torch.arange(x.shape[1])[None]
        return self.head(torch.relu(self.hidden(self.tokens(x) + self.places(there))).mean(1))


def test_a_table_that_no_layer_shares_reads_how_often_each_row_is_looked_up():
    torch.manual_seed(0)
    model, x = Looked().eval(), torch.randint(0, 7, (70, 5))
    for criterion in ("wanda", "sparsegpt", "activation_mean", "taylor_activation"):
        _, scores = scored(model, x, criterion, "channel")
        assert scores["tokens"].shape == (4,)
        assert scores["tokens"].unique().numel() == 4
    squares = known((model, x), "wanda", "input_squares", "tokens.weight")
    often = torch.bincount(x.flatten(), minlength=7).double()
    torch.testing.assert_close(squares, often[:, None].expand(7, 4))
    products = known((model, x), "sparsegpt", "input_products", "tokens.weight")
    torch.testing.assert_close(products[0], torch.diag(often) / 70)
    answers = (model.tokens(x) + model.places.weight).abs().double().mean((0, 1))
    sizes = known((model, x), "activation_mean", "activation_mean", "tokens.weight")
    torch.testing.assert_close(sizes[0].double(), answers, rtol=1e-5, atol=0)
