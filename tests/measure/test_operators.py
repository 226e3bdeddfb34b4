"""MACs of operators that torch has no formula for are counted by hand, or named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pruneviz.measure.cost import counted_macs


class Called(nn.Module):
    """A function of a layer and an input."""

    def __init__(self, layer: nn.Module, function: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.m, self.function = layer, function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.m, x)


def deformed(m: nn.Conv2d, x: Tensor) -> Tensor:
    side = 10 - 2 * m.dilation[0]
    offset = torch.zeros(len(x), 18, side, side)
    return torchvision.ops.deform_conv2d(x, offset, m.weight, m.bias, dilation=m.dilation)


class Product(torch.autograd.Function):
    """A product that says itself how it is differentiated."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        return x @ weight.t()


def low_rank(m: nn.Module, x: Tensor) -> Tensor:
    return nn.functional.linear(x, m.weight.t() @ m.weight)


def attended(m: nn.Module, x: Tensor) -> Tensor:
    query, other = x[:, None].expand(-1, 4, -1, -1), x[:, None].expand(-1, 2, -1, -1)
    return nn.functional.scaled_dot_product_attention(query, other, other, enable_gqa=True)


def weighed(m: nn.Module, x: Tensor) -> Tensor:
    return m(torch.arange(5).expand(len(x), 5), per_sample_weights=torch.ones(len(x), 5))


def placed(m: nn.Module, x: Tensor) -> Tensor:
    return nn.functional.affine_grid(m(x).view(-1, 2, 3), [len(x), 3, 5, 4], align_corners=False)


def sparse(weight: Tensor, layout: torch.layout) -> Tensor:
    """Return every second row of a weight, stored sparse."""
    return (weight * (torch.arange(len(weight)) % 2 == 0)[:, None]).to_sparse(layout=layout)


ROW, IMAGE, SERIES = torch.randn(2, 6), torch.randn(2, 3, 10, 10), torch.randn(2, 7, 6)
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
        2 * 2 * 6 * 2,
    ),
    "einsum": (nn.Linear(6, 3), lambda m, x: torch.einsum("bi,oi->bo", x, m.weight), ROW, 18),
    "in place": (
        nn.Linear(6, 3),
        lambda m, x: x.new_zeros(len(x), 3).addmm_(x, m.weight.t()),
        ROW,
        18,
    ),
    "weight made once a pass": (nn.Linear(6, 2), low_rank, ROW, 6 * 2 * 6 + 6 * 6),
    "autograd function": (nn.Linear(6, 3), lambda m, x: Product.apply(x, m.weight), ROW, 18),
    "grouped queries": (nn.Linear(6, 3), attended, SERIES, 4 * 2 * 7 * 7 * 6),
    "bag": (nn.EmbeddingBag(9, 4, mode="sum"), weighed, ROW, 5 * 4),
    "grid of places": (nn.Linear(6, 6), placed, ROW, 6 * 6 + 5 * 4 * 2 * 3),
    "time first": (
        nn.Linear(6, 3),
        lambda m, x: torch.conv_tbc(x.transpose(0, 1).contiguous(), m.weight.t()[None], m.bias),
        SERIES,
        7 * 6 * 3,
    ),
    "deformable, dilated, in groups": (
        nn.Conv2d(3, 6, 3, dilation=2, groups=3),
        deformed,
        IMAGE,
        6 * 36 * 9,
    ),
    "transposed": (
        nn.ConvTranspose2d(3, 6, 3, stride=2, output_padding=1, groups=3),
        lambda m, x: m(x),
        IMAGE,
        3 * 2 * 9 * 100,
    ),
    **{
        str(layout): (
            nn.Linear(6, 4),
            lambda m, x, layout=layout: (sparse(m.weight, layout) @ x.t()).t(),
            ROW,
            2 * 6,
        )
        for layout in (torch.sparse_coo, torch.sparse_csr)
    },
    "sparse weight behind": (
        nn.Linear(6, 4),
        lambda m, x: nn.functional.linear(x, sparse(m.weight, torch.sparse_csr)),
        ROW,
        2 * 6,
    ),
}


@pytest.mark.filterwarnings("ignore:Sparse")
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
        (lambda m, x: nn.functional.pdist(m.weight), "pdist_forward"),
        (lambda m, x: torch.linalg.inv(m.weight @ m.weight.t()), "linalg_inv_ex"),
        (lambda m, x: torch.cholesky_inverse(torch.eye(3)), "cholesky_inverse"),
        (
            lambda m, x: nn.functional.grid_sample(
                x.view(-1, 1, 2, 3), torch.zeros(len(x), 2, 2, 2), align_corners=False
            ),
            "grid_sample",
        ),
    ],
)
def test_what_cannot_be_counted_is_named(function, named):
    _, uncounted = counted_macs(Called(nn.Linear(6, 3), function), ROW)
    assert uncounted == (named,)


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
