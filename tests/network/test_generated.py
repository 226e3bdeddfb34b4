"""Weights that a network computes for another part at each pass are named, and only they."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pruneviz.network.folding import folded
from pruneviz.network.generated import generated_weights
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.wording import folds


class Hyper(nn.Module):
    """A linear layer whose weight a small network makes of a code that it has learned."""

    def __init__(self, way: str = "linear") -> None:
        super().__init__()
        self.code, self.way = nn.Parameter(torch.randn(4)), way
        self.generator = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 48))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.generator(self.code if self.way != "by input" else x[0, :4])
        weight = weight.view(8, 6)
        if self.way == "matmul":
            return torch.relu(x @ weight.T)
        if self.way == "einsum":
            return torch.einsum("bi,oi->bo", x, weight)
        if self.way == "conv":
            return nn.functional.conv1d(x[..., None], weight[..., None])[..., 0]
        return nn.functional.linear(x, weight)


class Plainly(nn.Module):
    """Multiplies by its own parameters, seen another way, and by constants of the code."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(6, 8))
        self.layer = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x @ self.table) @ torch.eye(8)


class Attending(nn.Module):
    """Multiplies what it computes of its inputs by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.layer(x) @ self.layer(x).T, 1) @ self.layer(x)


class OwnMode(nn.Module):
    """Runs without gradients alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(self.layer(x).numpy())


def network(part: nn.Module) -> nn.Module:
    return nn.Sequential(part, nn.ReLU(), nn.Linear(8, 3)).eval()


@pytest.mark.parametrize("way", ["linear", "matmul", "einsum", "conv"])
def test_the_part_that_multiplies_by_it_is_named(way):
    torch.manual_seed(0)
    model = network(Hyper(way))
    assert generated_weights(folded(model), torch.randn(2, 6)) == ("0",)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    "part", [Plainly(), Attending(), OwnMode(), Hyper("by input"), nn.Linear(6, 8)]
)
def test_what_has_no_weight_of_its_own_making_is_not(part):
    assert generated_weights(network(part), torch.randn(2, 6)) == ()


def test_it_is_said_when_the_network_is_opened(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(
        "import torch\nfrom torch import nn\n\nclass Made(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        "        self.code, self.make = nn.Parameter(torch.ones(4)), nn.Linear(4, 48)\n"
        "    def forward(self, x):\n"
        "        return nn.functional.linear(x, self.make(self.code).sin().view(8, 6))\n\n"
        "def build():\n    return nn.Sequential(nn.Linear(6, 6), Made(), nn.Linear(8, 3))\n"
    )
    subject = load_subject(Plan(model=f"python:{file}:build", input_shape=(6,)))
    (told,) = [note for note in subject.notes if note in folds.generated]
    assert "'1'" in str(told)
