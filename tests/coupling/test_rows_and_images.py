"""Rows by number, written parts, pixels and frequencies: the channels beside them are cut."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.apply import apply
from pruneviz.proof import check, find_units

ROWS, PLACES = torch.tensor([0, 2, 2, 1, 4]), torch.tensor([1, 0, 3, 3, 2])


class Chain(nn.Module):
    """Two layers, what happens between them, and a head; `mix` is given what it works on."""

    def __init__(self, mix, first: nn.Module, second: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.mix, self.first, self.second, self.head = mix, first, second, head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.second(self.mix(torch.relu(self.first(x)) + 0.1))))


def flat(mix) -> tuple[nn.Module, Tensor]:
    return Chain(mix, nn.Linear(4, 12), nn.Linear(12, 8), nn.Linear(8, 3)), torch.randn(5, 4)


def image(mix, between: int = 12) -> tuple[nn.Module, Tensor]:
    layers = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(between, 8, 1), nn.Conv2d(8, 2, 1)
    return Chain(mix, *layers), torch.randn(2, 3, 6, 6)


def _columns(x: Tensor) -> Tensor:
    return PLACES[:, None].expand(-1, x.shape[1])


def _into_rows(x: Tensor) -> Tensor:
    out = torch.zeros(6, x.shape[1])
    out.index_add_(0, ROWS, x)
    return out


def _scattered(x: Tensor) -> Tensor:
    return x.new_zeros(5, x.shape[1]).scatter_add_(0, _columns(x), x)


def _largest(x: Tensor) -> Tensor:
    return x.new_zeros(5, x.shape[1]).scatter_reduce(0, _columns(x), x, "amax", include_self=False)


def _averaged(x: Tensor) -> Tensor:
    return x.scatter_reduce(0, PLACES.unsqueeze(1).expand_as(x), x * 2, "mean")


def _one_by_one(x: Tensor) -> Tensor:
    out = torch.zeros(2, len(x), x.shape[1])
    for t in range(len(x)):
        out[0, t] = x[t].tanh()
        out[1, t] = -x[t]
    return out.sum(0)


def _in_halves(x: Tensor) -> Tensor:
    out = torch.empty(x.shape[1], 5).t().contiguous()
    out[:2], out[2:] = x[:2], x[2:] * 2
    return out


def _after_zeros(x: Tensor) -> Tensor:
    out = torch.empty(5, x.shape[1])
    out[0] = 0
    out[1:] = x[:-1]
    return out


def _both_ways(x: Tensor) -> Tensor:
    grid = F.affine_grid(torch.tensor([[[0.9, 0.2, 0.1], [0.0, 1.1, 0.0]]] * 2), [2, 1, 5, 5],
                         align_corners=False)  # fmt: skip
    return F.grid_sample(x, grid, align_corners=False)


class Frequencies(nn.Module):
    """A gate over the frequencies of each channel, as GFNet has it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.randn(12, 6, 4, 2))

    def forward(self, x: Tensor) -> Tensor:
        turned = torch.fft.rfft2(x, norm="ortho") * torch.view_as_complex(self.gate)
        return torch.fft.irfft2(turned, s=x.shape[-2:], norm="ortho")


def _parts_of_frequencies(x: Tensor) -> Tensor:
    turned = torch.fft.fft2(x)
    parts = torch.view_as_real(turned)
    return torch.complex(parts[..., 0] * 0.5, parts[..., 1]).real + torch.fft.ifft2(turned).real


NETWORKS = {
    "index_add_": lambda: flat(_into_rows),
    "index_add": lambda: flat(lambda x: x.index_add(0, ROWS, x)),
    "index_copy": lambda: flat(lambda x: x.index_copy(0, ROWS[:2], x[3:])),
    "scatter_add_": lambda: flat(_scattered),
    "scatter_reduce": lambda: flat(_largest),
    "scatter mean": lambda: flat(_averaged),
    "gather": lambda: flat(lambda x: x + x.gather(0, _columns(x))),
    "one by one": lambda: flat(_one_by_one),
    "in halves": lambda: flat(_in_halves),
    "after zeros": lambda: flat(_after_zeros),
    "pixel_shuffle": lambda: image(nn.PixelShuffle(2), 3),
    "pixels and back": lambda: image(nn.Sequential(nn.PixelShuffle(2), nn.PixelUnshuffle(2))),
    "grid_sample": lambda: image(_both_ways),
    "frequencies": lambda: image(Frequencies()),
    "their parts": lambda: image(_parts_of_frequencies),
    "transposed": lambda: image(nn.ConvTranspose2d(12, 12, 4, 2, 1, groups=12)),
    "transposed, doubled": lambda: image(nn.ConvTranspose2d(12, 24, 3, groups=12), 24),
    "transposed, no bias": lambda: image(nn.ConvTranspose2d(12, 12, 3, groups=12, bias=False)),
    "transposed in groups": lambda: image(nn.ConvTranspose2d(12, 9, 3, groups=3), 9),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_what_goes_through_it_is_cut_exactly(name):
    torch.manual_seed(0)
    model, example = NETWORKS[name]()
    model.eval()
    units, skipped = find_units(model, example, "channel")
    layers = {layer for found in units for layer in found.layers}
    assert {"first", "second"} <= layers, skipped
    for sparsity in (0.3, 0.8):
        result = check(model, example, sparsity)
        assert result["max_relative_error"] <= 1e-4
        assert result["parameters"]["pruned"] < result["parameters"]["original"]


def test_the_channels_of_a_pixel_go_together():
    model, example = image(nn.PixelShuffle(2), 3)
    units, _ = find_units(model.eval(), example, "channel")
    group = next(found for found in units if "first" in found.layers)
    assert group.count == 3
    cuts = apply(model, units, {u.name: torch.arange(u.count) != 1 for u in units}).cuts
    rows = next(c.kept for c in cuts if (c.parameter, c.axis) == ("first.weight", 0))
    assert rows == (0, 1, 2, 3, 8, 9, 10, 11)


@pytest.mark.parametrize("name", ["transposed", "transposed, doubled", "transposed in groups"])
def test_a_transposed_convolution_in_groups_says_its_sizes(name):
    model, example = NETWORKS[name]()
    units, _ = find_units(model.eval(), example, "channel")
    small = apply(model, units, {u.name: torch.arange(u.count) > 0 for u in units}).model
    own = small.mix
    assert own.in_channels == small.first.out_channels < 12
    assert own.out_channels == small.second.in_channels
    rebuilt = nn.ConvTranspose2d(own.in_channels, own.out_channels, own.kernel_size,
                                 groups=own.groups)  # fmt: skip
    assert rebuilt.weight.shape == own.weight.shape


class Neighbours(nn.Module):
    """Two layers of a network on a graph, whose edges are the second input."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Linear(4, 8), nn.Linear(8, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        x = torch.relu(torch.sparse.mm(edges, self.one(x)))
        return self.head(torch.relu(torch.sparse.mm(edges, self.two(x))))


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
def test_a_product_with_a_sparse_matrix_of_edges_lets_channels_go(layout):
    torch.manual_seed(0)
    edges = (torch.rand(5, 5) > 0.5).float().to_sparse(layout=layout)
    result = check(Neighbours().eval(), (torch.randn(5, 4), edges), 0.5)
    assert (result["groups"], result["max_relative_error"] <= 1e-5) == (2, True), result["skipped"]


class Bags(nn.Module):
    """Words by number, summed by bag."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.table, self.head = nn.EmbeddingBag(9, 8, mode=mode), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.table(x)))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_a_table_that_is_summed_by_bag_is_cut_by_columns(mode):
    torch.manual_seed(0)
    model, example = Bags(mode).eval(), torch.randint(0, 9, (4, 5))
    result = check(model, example, 0.5)
    assert (result["groups"], result["max_relative_error"] <= 1e-5) == (1, True)
    units, _ = find_units(model, example, "channel")
    small = apply(model, units, {u.name: torch.arange(u.count) > 2 for u in units}).model
    assert (small.table.num_embeddings, small.table.embedding_dim) == (9, 5)


class Remembered(nn.Module):
    """A cell whose states are written into a tensor of the width that the module remembers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.cell, self.head = nn.GRUCell(4, width), nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        states = torch.zeros(x.shape[0], x.shape[1], self.width)
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
            states[:, t] = state
        return self.head(states)


def test_a_width_that_zeros_were_made_of_follows():
    torch.manual_seed(0)
    model, example = Remembered(8).eval(), torch.randn(2, 3, 4)
    result = check(model, example, 0.5)
    assert (result["groups"], result["max_relative_error"] <= 1e-5) == (1, True), result["skipped"]


def _half_open(x: Tensor) -> Tensor:
    gate = torch.zeros(1, x.shape[1])
    gate[:, :7] = 1
    return x * gate


def _half_closed(x: Tensor) -> Tensor:
    gate = torch.empty(1, x.shape[1])
    gate[:, :7], gate[:, 7:] = 1, 0
    return x * gate


HELD = {
    "rows by number along channels": lambda x: x.index_add(1, ROWS, x[:, :5]),
    "columns picked": lambda x: x + x.gather(1, PLACES[:, None] * 2),
    "columns each picked otherwise": lambda x: x.gather(0, PLACES[:, None] * torch.ones(12).long()),
    "values of a fixed width": lambda x: x.index_add(0, ROWS, torch.ones(5, 12)),
    "a fixed width to write into": lambda x: torch.zeros(6, 12).index_add_(0, ROWS, x),
    "the first few let through": _half_open,
    "the last few held back": _half_closed,
    "turned into frequencies": lambda x: torch.fft.rfft(x).abs()[:, :7].repeat(1, 2)[:, :12],
}  # fmt: skip


@pytest.mark.parametrize("name", HELD)
def test_what_mixes_or_picks_channels_holds_them_and_what_is_beside_is_cut(name):
    torch.manual_seed(0)
    model, example = flat(HELD[name])
    result = check(model.eval(), example, 0.5)
    assert result["max_relative_error"] <= 1e-4
    listed = {item["name"] for item in result["skipped"]}
    assert "first" in listed
    assert "second" not in listed
