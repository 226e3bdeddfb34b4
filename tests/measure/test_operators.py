"""MACs of operators that torch has no formula for are counted by hand, or named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pruneviz.measure.cost import counted_macs, uncounted_note


class Called(nn.Module):
    """A function of a layer and an input."""

    def __init__(self, layer: nn.Module, function: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.m, self.function = layer, function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.m, x)


def deformed(m: nn.Module, x: Tensor) -> Tensor:
    offset = torch.zeros(len(x), 18, 8, 8)
    return torchvision.ops.deform_conv2d(x, offset, m.weight, m.bias)


ROW, IMAGE = torch.randn(2, 6), torch.randn(2, 3, 10, 10)
COUNTED = {  # layer, call, input, multiply-accumulates an input by hand
    "deformable": (nn.Conv2d(3, 4, 3), deformed, IMAGE, 4 * 64 * 27),
    "bilinear": (nn.Bilinear(2, 4, 7), lambda m, x: m(x[:, :2], x[:, 2:]), ROW, 2 * 4 * 7),
    "matrix times vector": (nn.Linear(6, 3), lambda m, x: x @ m.weight[0], ROW, 6),
    "lstm cell": (nn.LSTMCell(6, 5), lambda m, x: m(x)[0], ROW, 4 * 5 * 11),
    "gru cell": (nn.GRUCell(6, 5), lambda m, x: m(x), ROW, 3 * 5 * 11),
    "batched sum": (
        nn.Linear(6, 2),
        lambda m, x: torch.addbmm(x[:, :2], x.expand(2, 2, 6), m.weight.t().expand(2, 6, 2)),
        ROW,
        2 * 2 * 6 * 2 // 2,
    ),
    "einsum": (nn.Linear(6, 3), lambda m, x: torch.einsum("bi,oi->bo", x, m.weight), ROW, 18),
}


@pytest.mark.parametrize("name", COUNTED)
def test_macs_are_those_counted_by_hand(name):
    layer, function, x, right = COUNTED[name]
    macs, uncounted = counted_macs(Called(layer, function).eval(), x)
    assert (sum(macs.values()), uncounted) == (right, ())


def test_a_bilinear_layer_and_a_deformable_convolution_own_their_macs():
    for name in ("deformable", "bilinear"):
        layer, function, x, _ = COUNTED[name]
        assert list(counted_macs(Called(layer, function), x)[0]) == ["m.weight"]


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda m, x: torch.fft.rfft(x).real, "fft_r2c"),
        (lambda m, x: torch.cdist(x, m.weight), "cdist_forward"),
    ],
)
def test_what_cannot_be_counted_is_named(function, named):
    _, uncounted = counted_macs(Called(nn.Linear(6, 3), function), ROW)
    assert uncounted == (named,)
    assert named in uncounted_note(uncounted)


def test_an_operator_of_others_is_named():
    with torch.library._scoped_library("pruneviz_test", "DEF") as library:
        library.define("twice(Tensor x) -> Tensor")
        library.impl("twice", lambda x: x * 2, "CompositeExplicitAutograd")
        operator = torch.ops.pruneviz_test.twice
        _, uncounted = counted_macs(Called(nn.Linear(6, 3), lambda m, x: operator(m(x))), ROW)
    assert uncounted == ("pruneviz_test.twice",)


def test_nothing_is_named_of_usual_layers():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.LayerNorm(16), nn.Linear(16, 3), nn.Softmax(1),
    ).eval()  # fmt: skip
    assert counted_macs(model, IMAGE)[1] == ()
