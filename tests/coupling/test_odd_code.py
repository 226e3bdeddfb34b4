"""Code that nobody would expect: what it touches is cut exactly or listed, the rest is cut."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from pruneviz.proof import check


class Three(nn.Module):
    """Two layers that a construct joins, and a third that is free of it."""

    def __init__(self, construct):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 6), nn.Linear(6, 3)
        self.construct = construct

    def forward(self, x):
        return self.c(torch.relu(self.b(self.construct(torch.relu(self.a(x))))))


def _halves(y):
    for _ in range(100):
        y = y / 2 if y.norm() > 1 else y
    return y


def _first_doubled(y):
    y[:, :4].mul_(2)
    return y


def _by_a_view(y):
    z = y.view(-1, 2, 4)
    z[:, 0] = z[:, 1]
    return y


def _halves_added(y):
    one, other = y.chunk(2, 1)
    one.add_(other)
    return y


def _every_second(y):
    z = torch.empty_like(y)
    z[:, ::2], z[:, 1::2] = y[:, ::2], 0
    return z


ODD = {
    "rows by their values": (lambda y: y[y.sum(-1) > 0.5], True),
    "channels by their values": (lambda y: y + y[:, y.sum(0).argsort()[:4]].sum(1, True), False),
    "a count of values": (lambda y: y * y.nonzero().shape[0], False),
    "a loop by value": (_halves, True),
    "a part in place": (_first_doubled, False),
    "a view written to": (_by_a_view, False),
    "halves in place": (_halves_added, True),
    "behind autograd's back": (lambda y: y.data.add_(1), True),
    "strides": (lambda y: torch.as_strided(y, (len(y), 8), (8, 1)), False),
    "through numpy": (lambda y: torch.tensor(y.numpy()), False),
    "through a list": (lambda y: torch.tensor(y.tolist()), False),
    "another tensor's storage": (lambda y: y.set_(y.clone()), False),
    "every second written": (_every_second, True),
    "drawn at random": (lambda y: torch.dropout(y, 0.5, True), False),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_code_is_cut_exactly_or_listed_and_what_is_beside_it_is_cut(name):
    construct, can_be_cut = ODD[name]
    torch.manual_seed(0)
    model = Three(construct).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    result = check(model, torch.randn(8, 4), 0.5)
    assert result["max_relative_error"] <= 1e-5
    listed = {item["name"] for item in result["skipped"]}
    assert ("a" not in listed) == can_be_cut, result["skipped"]
    assert "c" in listed
    assert "b" not in listed
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


class Named(nn.Module):
    """Takes and returns tensors by name, and a list of them."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, batch):
        y = torch.relu(self.a(torch.stack(batch["several"]).mean(0) + batch["x"]))
        return {"answer": self.b(y), "beside": batch.get("none")}


def test_inputs_by_name_and_in_lists_are_taken():
    several = [torch.randn(2, 4), torch.randn(2, 4)]
    result = check(Named().eval(), {"x": torch.randn(2, 4), "several": several}, 0.5)
    assert (result["groups"], result["max_relative_error"] <= 1e-5) == (1, True)


class Empty(nn.Module):
    """A parameter without rows, and a layer without outputs, beside one that feeds it."""

    def __init__(self):
        super().__init__()
        self.a, self.none, self.b = nn.Linear(4, 8), nn.Linear(8, 0), nn.Linear(8, 3)
        self.rows = nn.Parameter(torch.empty(0, 3))

    def forward(self, x):
        y = torch.relu(self.a(x))
        return self.b(y) + self.rows.sum(0), self.none(y)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_dimensions_of_size_zero_are_no_trouble():
    result = check(Empty().eval(), torch.randn(2, 4), 0.5)
    assert result["max_relative_error"] <= 1e-5
    assert {item["name"] for item in result["skipped"]} >= {"a", "b", "none"}


def test_a_module_in_two_places_is_cut_once():
    shared = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
    model = nn.Sequential(nn.Linear(4, 8), shared, nn.ReLU(), shared, nn.Linear(8, 3)).eval()
    result = check(model, torch.randn(2, 4), 0.5)
    assert (result["groups"], result["max_relative_error"] <= 1e-5) == (2, True)


@pytest.mark.parametrize("norm", [weight_norm, spectral_norm])
@pytest.mark.parametrize("dim", [0, 1])
def test_a_weight_that_is_made_of_others_is_cut_with_them(norm, dim):
    torch.manual_seed(0)
    model = nn.Sequential(
        norm(nn.Linear(4, 8), dim=dim), nn.ReLU(), norm(nn.Linear(8, 6), dim=dim), nn.ReLU(),
        nn.Linear(6, 2),
    ).eval()  # fmt: skip
    result = check(model, torch.randn(2, 4), 0.5)
    assert (result["groups"], result["max_relative_error"] <= 1e-5) == (2, True), result
