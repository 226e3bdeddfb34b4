"""Every criterion × granularity, the one full product of the tests.

A criterion asks for what it needs and a granularity sums it, so where a new one of either breaks
is in the pair; the network it breaks on goes in turn, such that each meets each of both.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from pruneviz.allocate import Ranking, allocate, exact_count
from pruneviz.apply import apply
from pruneviz.criteria import CRITERIA, score_asked
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from pruneviz.statistics import needs_data
from tests.mixtures import Mixture
from tests.networks import Attentive, Concatenated, Residual, Stacked
from tests.pairwise import pairwise
from tests.scoring import asked, is_refused, scored


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
    "attentive": (Attentive, (3, 16, 16)),
    "residual": (Residual, (3, 6, 6)),
    "concatenated": (Concatenated, (3, 6, 6)),
    "mixture": (Mixture, (3, 4, 4)),
}
CONVOLVE = NETWORKS.keys() - {"perceptron", "mixture"}  # of kernels with several places
HAVE = {
    "head": {"transformer", "attentive"}, "depth": {"transformer", "attentive", "blocks"},
    **dict.fromkeys(("kernel", "pattern", "vector"), CONVOLVE),
}  # fmt: skip
WHOLE = ("channel", "head", "depth", "expert")
FEWEST = ("perceptron", "grouped")  # units, of which each takes a pass where it is left out
FEW = {"steps": 2, "probes": 2, "rounds": 4, "inputs": 3, "most_units": 10_000}


def fits(network: str, criterion: str, granularity: str) -> bool:
    """Return whether a network has such units, and not too many where each takes a pass."""
    quick = criterion != "ablation" or granularity in WHOLE or network in FEWEST
    fits = (granularity == "expert") == (network == "mixture")
    return fits and quick and network in HAVE.get(granularity, NETWORKS)


LAWS = pairwise(NETWORKS, CRITERIA.names(), GRANULARITIES.names(), allowed=fits)


def drawn(network: str) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network in eval mode, five inputs and their labels."""
    torch.manual_seed(0)
    make, shape = NETWORKS[network]
    model = make().eval()
    for parameter in model.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5, 0.3)
    return model, torch.randn(5, *shape), torch.tensor([0, 1, 2, 1, 0])


def test_every_criterion_meets_every_granularity():
    met = {(criterion, granularity) for _, criterion, granularity in LAWS}
    assert met == set(itertools.product(CRITERIA.names(), GRANULARITIES.names()))


@pytest.mark.parametrize(("network", "criterion", "granularity"), LAWS)
def test_a_finite_score_a_unit_the_same_twice_and_exactly_as_many_go_as_were_asked(
    network, criterion, granularity
):
    model, x, labels = drawn(network)
    settings = {p.name: FEW[p.name] for p in CRITERIA.get(criterion).parameters if p.name in FEW}
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    question = asked(model, x, criterion, granularity, labels, **settings)
    units = question.units
    assert units
    if is_refused(criterion, model, units):
        with pytest.raises(ValueError, match=r"choose (channels|a criterion)"):
            score_asked(question)
        return
    scores, again = (dict(score_asked(question).scores) for _ in range(2))
    for layer in units:
        assert scores[layer.name].shape == (layer.count,)
        assert bool(torch.isfinite(scores[layer.name]).all())
        assert torch.equal(scores[layer.name], again[layer.name])
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    keep = allocate(units, Ranking(scores), Plan(scope="global", sparsity=0.4)).keep
    total = sum(layer.count for layer in units)
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


@pytest.mark.parametrize(
    "criterion", [e.name for e in CRITERIA if needs_data(e.needs) and e.fits("channel")]
)
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


@pytest.mark.parametrize("criterion", ["activation_mean", "hrank", "obs", "taylor_activation"])
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
