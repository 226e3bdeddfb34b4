"""The proof sees what it claims to: small answers, shut gates, whole examples, changed code."""

from __future__ import annotations

import importlib
import math
import sys

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.apply import _relative
from pruneviz.proof import check, find_units
from pruneviz.proof.perturb import perturbed


class ByWidth(nn.Module):
    """A branch whose answer depends on how many units there are, so no cut of `a` is exact."""

    def __init__(self) -> None:
        super().__init__()
        self.i, self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 12), nn.Linear(12, 3)
        self.gate = nn.Parameter(torch.zeros(1))
        self.scale = nn.Parameter(1e-6 * torch.rand(3))
        self.free = nn.Linear(8, 3)

    def branch(self, y: Tensor) -> Tensor:
        h = torch.relu(self.a(y))
        return self.b(h / h.shape[-1])


class Gated(ByWidth):
    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.i(x))
        return self.free(y) + self.gate * self.branch(y)


class Scaled(ByWidth):
    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.i(x))
        return self.free(y) + self.scale * self.branch(y)


class Beside(ByWidth):
    """Small answers in one tensor with large ones."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.i(x))
        return torch.cat([640 * self.free(y).sigmoid(), (20 * self.branch(y)).sigmoid()], 1)


class FirstOfTime(ByWidth):
    """Attention over the first dimension, which a single input has one step of."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.i(x))
        q = self.a(y)
        weights = torch.softmax(q @ q.transpose(0, 1) / q.shape[-1], 0)
        return self.free(weights @ y)


@pytest.mark.parametrize("kind", [Gated, Scaled, Beside, FirstOfTime])
def test_what_depends_on_the_number_of_units_is_listed(kind):
    torch.manual_seed(0)
    result = check(kind().eval(), torch.randn(5, 6), 0.5)
    assert "a" in {item["name"] for item in result["skipped"]}
    assert result["max_relative_error"] <= 1e-5


def test_gates_are_opened_and_other_numbers_stay():
    model = Gated().eval()
    model.temperature = nn.Parameter(torch.tensor(0.7))
    alive = perturbed(model, torch.randn(5, 6))
    assert abs(float(alive.gate.detach())) > 1e-3
    assert float(alive.temperature.detach()) == pytest.approx(0.7)
    assert float(model.gate) == 0


class SampleBySample(nn.Module):
    """A loop over inputs, each normalised by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.i, self.norm, self.o = nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.o(self.norm(self.i(row))) for row in x])


class Routed(nn.Module):
    """Experts, of which one input reaches one."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.experts[i % 3](row) for i, row in enumerate(x)])


@pytest.mark.parametrize(("kind", "groups"), [(SampleBySample, 1), (Routed, 3)])
def test_what_one_input_does_not_show_is_found_on_the_whole_example(kind, groups):
    torch.manual_seed(0)
    result = check(kind().eval(), torch.randn(6, 6), 0.5)
    assert result["groups"] == groups, result["skipped"]
    assert result["max_relative_error"] <= 1e-5
    assert not any("does not use it" in item["reason"] for item in result["skipped"])


class Einsum(nn.Module):
    """A feed-forward part and an attention of plain parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(5, 12), nn.Linear(12, 3)
        self.wide, self.narrow = (nn.Parameter(torch.randn(s) / 4) for s in ((12, 20), (20, 12)))

    def forward(self, x: Tensor) -> Tensor:
        y = self.embed(x)
        hidden = torch.relu(torch.einsum("btd,df->btf", y, self.wide))
        return self.head(y + torch.einsum("btf,fd->btd", hidden, self.narrow))


def test_parameters_that_einsum_multiplies_with_are_layers():
    torch.manual_seed(0)
    model = Einsum().eval()
    result = check(model, torch.randn(2, 4, 5), 0.5)
    assert result["max_relative_error"] <= 1e-5
    units, _ = find_units(model, torch.randn(2, 4, 5), "channel")
    assert {u.name: u.count for u in units} == {"embed": 12, "wide": 20}


class MaskedLogits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.o = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        never = torch.tensor([True, False, False])
        return self.o(torch.relu(self.a(x))).masked_fill(never, -torch.inf)


class Spectral(nn.Module):
    """Complex numbers on the way are no decisions."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.randn(4, 3))
        self.a, self.b, self.o = nn.Conv2d(2, 8, 1), nn.Conv2d(2, 6, 3, padding=1), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.fft.irfft2(torch.fft.rfft2(x) * self.gate, s=x.shape[-2:])
        return self.o(torch.relu(self.b(y)).mean((2, 3)))


class Sorted(nn.Module):
    """A stable sort along a dimension that is not the last."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.o = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sort(x, dim=1, stable=True).values
        return self.o(torch.relu(self.a(x)))


@pytest.mark.parametrize(
    ("kind", "shape", "cut"),
    [
        (MaskedLogits, (4, 6), "a"),
        (Spectral, (2, 2, 4, 4), "b"),
        (Sorted, (2, 5, 6), "a"),
    ],
)
def test_it_is_cut(kind, shape, cut):
    torch.manual_seed(0)
    model, example = kind().eval(), torch.randn(shape)
    assert cut in {unit.name for unit in find_units(model, example, "channel")[0]}
    assert check(model, example, 0.5)["max_relative_error"] <= 1e-5


def test_the_error_is_that_of_the_worst_slice():
    expected = torch.tensor([[[100.0, 1.0], [50.0, 2.0]]])
    actual = expected.clone()
    actual[0, 1, 1] += 0.5
    assert _relative(expected, actual) == pytest.approx(0.5 / 2)
    assert _relative(expected, expected.masked_fill(expected == 50, torch.nan)) == math.inf
    tiny = torch.tensor([[100.0, 1e-9]])
    assert _relative(tiny, tiny + torch.tensor([[0.0, 1e-6]])) == pytest.approx(1e-6)


class Attended(nn.Module):
    """Attention that computes the width inside a head from what comes in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.num_heads, self.qkv = heads, nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        b, n, c = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.num_heads, c // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(b, n, c))


@pytest.mark.parametrize(("width", "heads"), [(32, 4), (48, 4), (64, 8), (64, 4), (60, 4)])
def test_a_width_that_is_a_multiple_of_the_heads_by_chance_is_cut(width, heads):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.e, self.a, self.o = (
                nn.Linear(6, width),
                Attended(width, heads),
                nn.Linear(width, 3),
            )

        def forward(self, x: Tensor) -> Tensor:
            y = self.e(x)
            return self.o((y + self.a(y)).mean(1))

    torch.manual_seed(0)
    result = check(Net().eval(), torch.randn(2, 5, 6), 0.5)
    assert [item["name"] for item in result["skipped"]] == ["o"]
    assert result["max_relative_error"] <= 1e-5


HELPED = """
import torch
from torch import nn
def helper(h):
    return {helper}
class Helped(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.o = nn.Linear(6, 8), nn.Linear(8, 3)
    def forward(self, x):
        return self.o(helper(torch.relu(self.a(x))))
"""


def test_a_changed_helper_is_another_network(tmp_path, monkeypatch):
    def made(name: str, helper: str) -> nn.Module:
        (tmp_path / f"{name}.py").write_text(HELPED.format(helper=helper))
        module = importlib.import_module(name)
        module.Helped.__module__ = "helped"  # the same class, as after an edit
        monkeypatch.setitem(sys.modules, "helped", module)
        torch.manual_seed(0)
        return module.Helped().eval()

    monkeypatch.syspath_prepend(str(tmp_path))
    example = torch.randn(3, 6)
    assert [u.name for u in find_units(made("before", "h"), example, "channel")[0]] == ["a"]
    assert find_units(made("after", "h / h.shape[-1]"), example, "channel")[0] == ()


def test_what_a_module_remembers_is_a_part_of_the_network():
    class Tensors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.o = nn.Linear(6, 8), nn.Linear(8, 3)
            self.config = {"by": torch.ones(1)}

        def forward(self, x: Tensor) -> Tensor:
            h = torch.relu(self.a(x))
            return self.o(h if float(self.config["by"]) == 1 else h / h.shape[-1])

    torch.manual_seed(0)
    model, example = Tensors().eval(), torch.randn(3, 6)
    assert [u.name for u in find_units(model, example, "channel")[0]] == ["a"]
    model.config["by"] += 1
    assert find_units(model, example, "channel")[0] == ()
