"""A copy in the same memory leaves a network as it is, whatever its passes write."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pruneviz.network import lent as lending
from pruneviz.network.lent import lent, written_names
from tests import odd_conduct


class Writes(nn.Module):
    """Writes to a part of its weight, to a tied one and to a buffer; `fails` before it answers."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.fails, self.calls = fails, 0
        self.first, self.second, self.third = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.third.weight = self.first.weight
        self.register_buffer("seen", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.seen += 1
        with torch.no_grad():
            self.first.weight.data[1].mul_(2)
            self.second.bias.add_(0)  # writes what is there already
        if self.fails:
            raise ValueError("no answer")
        return self.third(self.second(self.first(x)))


@pytest.fixture
def known(monkeypatch):
    """Take the code of these tests for that of a library."""
    monkeypatch.setattr(lending, "LIBRARIES", lending.LIBRARIES | {"tests", __name__.split(".")[0]})


def held(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_pass_writes_is_seen_by_it_alone_and_put_back(known, fails):
    model, x = Writes(fails), torch.randn(3, 4)
    before, own = held(model), lent(model)
    assert own.first.weight.data_ptr() == model.first.weight.data_ptr()
    assert own.third.weight is own.first.weight
    for _ in range(2):  # the second pass begins as the first did
        if fails:
            with pytest.raises(ValueError, match="no answer"):
                own(x)
        else:
            weight = before["first.weight"].clone()
            weight[1] *= 2
            after = F.linear(x, weight, model.first.bias)
            expected = F.linear(model.second(after), weight, model.third.bias)
            torch.testing.assert_close(own(x), expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in held(model).items())
    assert model.calls == 0
    assert own.calls == own.seen[0] == 2
    assert written_names(own) == {"first.weight"}


def test_other_code_gets_a_copy_of_all(monkeypatch):
    model = odd_conduct.factory(odd_conduct.Projects)
    own = lent(model)
    assert not {p.data_ptr() for p in own.parameters()} & {p.data_ptr() for p in model.parameters()}
    assert written_names(own) == frozenset()


def test_a_pass_of_a_known_network_copies_none_of_its_weights():
    model = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 2))
    own, x = lent(model), torch.randn(3, 4)
    mine = {p.untyped_storage()._cdata for p in model.parameters()}
    assert {p.untyped_storage()._cdata for p in own.parameters()} == mine
    assert torch.equal(own(x), model(x))
    assert written_names(own) == frozenset()
