"""Networks whose code asks for its own classes, or keeps a list of them, are left as they are."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from pruneviz.coupling import trace
from pruneviz.coupling.remembered import watching
from pruneviz.proof import check


class Layer(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.inner, self.inputs, self.same = nn.Linear(inputs, outputs), inputs, inputs

    def forward(self, x):
        return self.inner(x.view(-1, self.inputs))


class Added(Layer):
    """Another kind of layer, which is one all the same."""


class ByType(nn.Module):
    """Does one thing with one very type and another with all others."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(4, 8), Added(8, 8), Layer(8, 3)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu() if type(layer) is Layer else x + layer(x)
        return x


class Listed(nn.Module):
    """Keeps a list of the classes made from it, in which no name is twice."""

    known: ClassVar[dict[str, type]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__name__ in Listed.known:
            raise LookupError(f"{cls.__name__} is listed already")
        Listed.known[cls.__name__] = cls


class OwnNet(Listed):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = Layer(4, 8), Layer(8, 3)

    def forward(self, x):
        return self.two(self.one(x).relu())


class Sealed(type):
    """A metaclass whose classes cannot be changed."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise PermissionError(name)

    def __delattr__(cls, name: str) -> None:
        raise PermissionError(name)


class SealedNet(OwnNet, metaclass=Sealed):
    def __getattribute__(self, name: str) -> Any:
        return super().__getattribute__(name)


KINDS = [ByType, OwnNet, SealedNet, Layer, Added]


@pytest.mark.parametrize("kind", [ByType, OwnNet, SealedNet])
def test_it_is_cut_and_its_classes_are_what_they_were(kind):
    torch.manual_seed(0)
    before = [dict(vars(each)) for each in KINDS], dict(Listed.known)
    result = check(kind().eval(), torch.randn(5, 4), 0.5)
    assert result["groups"] == 1
    assert result["max_relative_error"] <= 1e-5
    assert before == ([dict(vars(each)) for each in KINDS], dict(Listed.known))


@pytest.mark.parametrize("kind", [ByType, OwnNet, SealedNet])
def test_which_of_two_equal_numbers_was_asked_for_is_noted(kind):
    model, reads = kind().eval(), {}
    with watching(model, reads):
        model(torch.randn(5, 4))
        Layer(4, 4)(torch.randn(5, 4))  # another network, meanwhile
    layers = {id(module) for module in model.modules() if isinstance(module, Layer)}
    assert {key for key, name in reads if name == "inputs"} == layers
    assert not [name for key, name in reads if name == "same"]
    noted = dict(reads)
    model(torch.randn(5, 4))
    assert reads == noted


def test_where_the_model_fails_its_classes_are_given_back():
    before = dict(vars(Layer))
    with pytest.raises(ValueError, match="does not run on its example"):
        trace(ByType().eval(), torch.randn(5, 3))
    assert dict(vars(Layer)) == before


class Draws(nn.Module):
    """Draws at random whatever its mode is."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.one, self.two = nn.BatchNorm1d(4), nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.two(self.one(self.norm(x)).relu()) + torch.randn(1)


def test_what_is_drawn_next_does_not_depend_on_a_proof():
    model, example = Draws().eval(), torch.randn(5, 4)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    check(model, example, 0.5)
    assert torch.equal(torch.rand(4), expected)
