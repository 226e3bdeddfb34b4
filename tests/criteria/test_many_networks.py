"""Every criterion × granularity on a transformer, a perceptron, grouped convolutions and blocks."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from pruneviz.allocate import Ranking, allocate, exact_count
from pruneviz.apply import apply
from pruneviz.criteria import CRITERIA
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from pruneviz.statistics import needs_data
from tests.networks import Stacked
from tests.scoring import scored


class Mixed(nn.Module):
    """Depthwise, grouped and transposed convolutions, with BatchNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.Hardswish())
        self.depthwise = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1, groups=4), nn.BatchNorm2d(8))
        self.grouped = nn.Sequential(nn.Conv2d(8, 6, 3, groups=2), nn.BatchNorm2d(6), nn.ReLU())
        self.up = nn.Sequential(nn.ConvTranspose2d(6, 4, 2, 2), nn.BatchNorm2d(4))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(self.grouped(torch.relu(self.depthwise(self.first(x)))))
        return self.head(x.mean((2, 3)))


def transformer() -> nn.Module:
    """Return torchvision's ViT, tiny: packed projections, pre-norm, a class token."""
    model = VisionTransformer(16, 8, 2, 3, 12, 16, num_classes=3)
    nn.init.normal_(model.heads[0].weight)
    return model


def perceptron() -> nn.Module:
    """Return three linear layers."""
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 6), nn.BatchNorm1d(6), nn.GELU(),
                         nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))  # fmt: skip


NETWORKS = {
    "transformer": (transformer, (3, 16, 16)),
    "perceptron": (perceptron, (3, 4, 4)),
    "grouped": (Mixed, (3, 9, 9)),
    "blocks": (Stacked, (3, 6, 6)),
}
CONVOLVE = {"transformer", "grouped", "blocks"}  # of kernels with several places
HAVE = {
    "head": {"transformer"}, "depth": {"transformer", "blocks"},
    **dict.fromkeys(("kernel", "pattern", "vector"), CONVOLVE),
}  # fmt: skip
FEWEST = ("perceptron", "grouped")  # units, of which each takes a pass where it is left out
FEW = {"steps": 2, "probes": 2, "rounds": 4, "inputs": 3, "most_units": 10_000}
LAWS = [
    (network, criterion, granularity)
    for network, criterion, granularity in itertools.product(
        NETWORKS, CRITERIA.names(), GRANULARITIES.names()
    )
    if network in HAVE.get(granularity, NETWORKS)
    if criterion != "ablation" or granularity in ("channel", "head", "depth") or network in FEWEST
]
REFUSED = {  # what has no BatchNorm; units that no layer reads as whole channels
    "bn_scale": lambda network, granularity: network == "transformer",
    "thinet": lambda network, granularity: (
        granularity not in {"channel", "head"}
        or (granularity == "channel" and network in {"transformer", "grouped"})
    ),
}


def drawn(network: str) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network in eval mode, five inputs and their labels."""
    torch.manual_seed(0)
    make, shape = NETWORKS[network]
    model = make().eval()
    for parameter in model.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5, 0.3)
    return model, torch.randn(5, *shape), torch.tensor([0, 1, 2, 1, 0])


@pytest.mark.parametrize(("network", "criterion", "granularity"), LAWS)
def test_a_finite_score_a_unit_and_exactly_as_many_go_as_were_asked(
    network, criterion, granularity
):
    model, x, labels = drawn(network)
    settings = {p.name: FEW[p.name] for p in CRITERIA.get(criterion).parameters if p.name in FEW}
    if REFUSED.get(criterion, lambda *_: False)(network, granularity):
        with pytest.raises(ValueError, match="choose"):
            scored(model, x, criterion, granularity, labels, **settings)
        return
    units, scores = scored(model, x, criterion, granularity, labels, **settings)
    total = sum(layer.count for layer in units)
    assert units
    assert all(scores[layer.name].shape == (layer.count,) for layer in units)
    assert all(bool(torch.isfinite(each).all()) for each in scores.values())
    keep = allocate(units, Ranking(scores), Plan(scope="global", sparsity=0.4)).keep
    most = total - sum(layer.least for layer in units)
    assert sum(int((~k).sum()) for k in keep.values()) == min(exact_count(0.4, total), most)
    assert bool(torch.isfinite(apply(model, units, keep).model(x)).all())


class Placed(nn.Module):
    """A layer that reads no sample, but a table of places that is the same for all."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.randn(7, 2))
        self.places, self.weigh = nn.Linear(2, 6), nn.Linear(6, 4)
        self.read, self.head = nn.Linear(3, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        bias = self.weigh(torch.relu(self.places(self.table)))
        return self.head(torch.relu(self.read(x) + bias).mean(1))


@pytest.mark.parametrize("criterion", [e.name for e in CRITERIA if needs_data(e.needs)])
def test_a_layer_that_reads_no_sample_is_scored_too(criterion):
    torch.manual_seed(0)
    model, x = Placed().eval(), torch.randn(5, 7, 3)
    _, scores = scored(model, x, criterion, "channel", torch.tensor([0, 1, 2, 1, 0]))
    assert "places" in scores
    assert all(bool(torch.isfinite(each).all()) for each in scores.values())


class Bare(nn.Module):
    """A block that multiplies by a parameter, without any layer."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(6, 6))

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(x @ self.matrix)


@pytest.mark.parametrize("criterion", ["activation_mean", "fpgm", "obs", "taylor_activation"])
def test_blocks_without_a_layer_are_refused_by_what_looks_at_layers(criterion):
    model = nn.Sequential(nn.Linear(6, 6), Bare(), Bare(), nn.Linear(6, 3)).eval()
    labels = torch.tensor([0, 1, 2, 1])
    with pytest.raises(ValueError, match=r"a block of 'blocks' has no linear.*magnitude_l1"):
        scored(model, torch.randn(4, 6), criterion, "depth", labels)
    _, scores = scored(model, torch.randn(4, 6), "taylor", "depth", labels)
    assert scores["blocks"].shape == (2,)


def test_a_blocks_score_is_its_layers_mean_whatever_else_it_holds():
    model, x, labels = drawn("blocks")
    _, scores = scored(model, x, "wanda", "depth", labels)
    _, weights = scored(model, x, "wanda", "weight", labels, compare="layer")
    for unit in range(3):
        inside = torch.cat([s for n, s in weights.items() if n.startswith(f"one.{unit}.")])
        torch.testing.assert_close(scores["one"][unit], inside.mean())
