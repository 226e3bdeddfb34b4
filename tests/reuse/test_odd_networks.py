"""Networks that write in place, remember, draw, or read behind torch's back."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from pruneviz.network.masks import with_parameters
from pruneviz.reuse import Evaluator
from pruneviz.wording import passes
from tests.reuse.reusing import assert_reused, plain


class Does(nn.Module):
    """Two layers with a function of the module and the hidden values between them."""

    def __init__(self, between) -> None:
        super().__init__()
        self.one, self.two, self.between = nn.Linear(6, 8), nn.Linear(8, 3), between
        self.other = nn.Linear(8, 8)
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        return self.two(self.between(self, self.one(x)))


def in_place_on_a_view(net, h):
    half = h[:, :4]
    half.mul_(2).relu_()
    return h + net.other(h)


def in_place_on_what_is_read_later(net, h):
    kept = h * 1
    h += net.other(kept)
    kept.add_(h)
    return kept


def filled_piece_by_piece(net, h):
    space = torch.zeros(len(h), 8)
    space[:, :3] = h[:, :3]
    space[:, 3:] = net.other(h)[:, 3:]
    return space


def written_out(net, h):
    out = torch.empty(len(h), 8)
    torch.add(h, 1, out=out)
    return net.other(out)


def choosing(net, h):
    return net.other(h) if h.mean() > 0 else h * 2


def selecting(net, h):
    rows = torch.nonzero(h.sum(1) > -100).flatten()
    return net.other(h)[rows] * h.sort(1)[0] + h.topk(8)[1]


def reshaped(net, h):
    return net.other(h.t().reshape(-1).view(8, -1).t().contiguous()) + h.transpose(0, 1).flatten(
    ).view(8, -1).t()  # fmt: skip


def split_up(net, h):
    one, two = h.split(4, 1)
    torch.relu_(one)
    return torch.cat([two, one], 1) + net.other(h)


def remembering(net, h):
    if not hasattr(net, "kept"):
        net.kept = net.other.weight.t() * 1
    return h @ net.kept


def sparse(net, h):
    return torch.sparse.mm(h.to_sparse(), net.other.weight)


FOLLOWED = [in_place_on_a_view, in_place_on_what_is_read_later, filled_piece_by_piece, written_out,
            choosing, selecting, reshaped, split_up, remembering, sparse]  # fmt: skip


def changed(model, name):
    """Return the network with another tensor of this name."""
    tensor = dict(model.named_parameters())[name]
    return with_parameters(model, {name: torch.randn_like(tensor)})


@pytest.mark.parametrize("between", FOLLOWED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("budget", [0, 2**20])
@pytest.mark.parametrize("name", ["one.weight", "other.weight", "two.bias"])
def test_a_network_that_can_be_followed_answers_as_in_a_plain_pass(between, budget, name):
    model, x = Does(between).eval(), torch.randn(7, 6)
    evaluator = Evaluator(model, x, batch_size=3, budget_bytes=budget)
    for _ in range(2):
        network = changed(model, name)
        found = evaluator.answers(network)
        assert torch.equal(found, plain(evaluator, copy.deepcopy(network)))
    if between is not sparse:
        assert evaluator.fell_back == 0


def test_an_input_that_is_written_to_stays_as_it_was():
    class Scales(nn.Linear):
        def forward(self, x):
            return super().forward(x.sub_(1))

    model, x = Scales(6, 3).eval(), torch.randn(5, 6)
    before = x.clone()
    evaluator = Evaluator(model, x, batch_size=2)
    assert_reused(evaluator, changed(model, "weight"))
    assert torch.equal(x, before)


def draws(net, h):
    return nn.functional.dropout(net.other(h), 0.5, training=True)


def draws_elsewhere(net, h):
    return net.other(h) + torch.from_numpy(np.random.default_rng().normal(size=8)).float()


def counts(net, h):
    net.count += 1
    return net.other(h) * net.count


def reads(net, h):
    return net.other(h) * float(h.numpy().max())


def draws_in_vain(net, h):
    return net.other(h) + 1e-30 * torch.rand(8)


def lists(net, h):
    return net.other(h) * max(h.flatten().tolist())


@pytest.mark.parametrize(
    ("between", "why"),
    [
        (draws, passes.drawn),
        (draws_elsewhere, passes.drawn),
        (draws_in_vain, passes.draws_in_vain),
        (counts, passes.writes_itself),
        (reads, passes.reads_past),
        (lists, passes.reads_past),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_network_that_cannot_be_followed_is_computed_in_full_and_says_why(between, why):
    model, x = Does(between).eval(), torch.randn(7, 6)
    evaluator = Evaluator(model, x, batch_size=3)
    assert evaluator.why_plain in why
    assert str(why()) in str(evaluator.notes[0])
    network = changed(model, "two.weight")
    expected = copy.deepcopy(network)
    torch.manual_seed(1)
    found = evaluator.answers(network)
    torch.manual_seed(1)
    if between is not draws_elsewhere:
        assert torch.equal(found, plain(evaluator, expected))
    assert float(model.count) == 0


def test_a_change_of_the_original_itself_is_seen():
    model, x = Does(lambda net, h: net.other(h)).eval().requires_grad_(False), torch.randn(5, 6)
    evaluator = Evaluator(model, x, batch_size=2)
    evaluator.original_answers()
    model.other.weight.data[0, 0] = 9.0  # no version counter counts this
    assert_reused(evaluator, model)
    model.two.bias[0] = -0.0
    assert_reused(evaluator, model)


def test_zero_and_minus_zero_are_not_the_same_weights():
    model, x = nn.Linear(2, 2, bias=False).eval(), torch.ones(2, 2)
    nn.init.zeros_(model.weight)
    evaluator = Evaluator(model, x)
    network = with_parameters(model, {"weight": -torch.zeros(2, 2)})
    assert evaluator.passes.changed(network) == {"weight"}
    assert torch.equal(evaluator.answers(network).signbit(), plain(evaluator, network).signbit())


def test_other_settings_of_torch_begin_anew():
    model, x = Does(lambda net, h: net.other(h)).eval(), torch.randn(5, 6)
    evaluator = Evaluator(model, x)
    first = evaluator.original_answers()
    with torch.backends.mkldnn.flags(enabled=False):
        assert torch.equal(evaluator.original_answers(), plain(evaluator, model))
    assert torch.equal(evaluator.original_answers(), first)


def test_a_network_under_a_reparametrisation_answers_as_in_a_plain_pass():
    model, x = nn.Sequential(nn.Linear(4, 4)), torch.randn(3, 4)
    prune.l1_unstructured(model[0], "weight", 0.5)
    assert torch.equal(Evaluator(model, x).original_answers(), model(x))


def test_what_is_no_answer_for_each_input_gets_a_sentence():
    class Pair(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    with pytest.raises(ValueError, match="a row for each input; this one gave tuple"):
        Evaluator(Pair(4, 2), torch.randn(3, 4)).original_answers()
    with pytest.raises(ValueError, match=r"of shape \(\)"):
        Evaluator(SumUp(), torch.randn(3, 4)).original_answers()


class SumUp(nn.Module):
    def forward(self, x):
        return x.sum()
