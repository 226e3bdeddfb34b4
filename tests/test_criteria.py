"""Laws for every criterion × granularity, and published tools as oracles."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from pruneviz.allocate import Ranking, allocate
from pruneviz.calibrate import gradients
from pruneviz.criteria import CRITERIA, Evidence, score
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from tests.networks import Attentive, Concatenated, Residual, Stacked, build

PAIRS = list(itertools.product(CRITERIA.names(), GRANULARITIES.names()))


def scored(model, example, criterion, granularity, seed=0, labels=None):
    units, _ = GRANULARITIES.get(granularity).implementation(model, example)
    return units, scores_of(model, example, criterion, units, seed, labels)


def scores_of(model, example, criterion, units, seed=0, labels=None):
    weights = {n: p.detach() for n, p in model.named_parameters()}
    labels = torch.zeros(len(example), dtype=torch.long) if labels is None else labels
    found = next(iter(gradients(model, example, labels)))
    return score(criterion, {}, units, Evidence(weights, found, seed))


@pytest.mark.parametrize(("criterion", "granularity"), PAIRS)
@pytest.mark.parametrize("kind", [Residual, Concatenated, Stacked, Attentive])
def test_one_finite_score_a_unit_and_the_same_twice(kind, criterion, granularity):
    model, example = build(kind)
    units, scores = scored(model, example, criterion, granularity)
    _, again = scored(model, example, criterion, granularity)
    assert units or (granularity in {"depth", "head"} and kind is not Attentive)
    for layer in units:
        assert scores[layer.name].shape == (layer.count,)
        assert bool(torch.isfinite(scores[layer.name]).all())
        assert torch.equal(scores[layer.name], again[layer.name])


@pytest.mark.parametrize(("criterion", "granularity"), PAIRS)
def test_zero_weights_give_no_nan(criterion, granularity):
    model, example = build(Attentive)
    units, _ = GRANULARITIES.get(granularity).implementation(model, example)
    for parameter in model.parameters():
        parameter.data.zero_()
    scores = scores_of(model, example, criterion, units)
    assert scores
    assert all(bool(torch.isfinite(s).all()) for s in scores.values())


@pytest.mark.parametrize("criterion", [n for n in CRITERIA.names() if n != "random"])
def test_permuting_channels_permutes_scores(criterion):
    model, example = build(Residual)
    _, before = scored(model, example, criterion, "channel")
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        conv, norm, after = model.a[0], model.a[1], model.b[0]
        for tensor in (conv.weight, conv.bias, norm.weight, norm.bias):
            tensor.copy_(tensor[order].clone())
        norm.running_mean.copy_(norm.running_mean[order].clone())
        norm.running_var.copy_(norm.running_var[order].clone())
        after.weight.copy_(after.weight[:, order].clone())
    _, permuted = scored(model, example, criterion, "channel")
    torch.testing.assert_close(permuted["a.0"], before["a.0"][order], rtol=1e-3, atol=1e-9)


def test_random_depends_on_the_seed_and_the_layer_alone():
    model, example = build(Residual)
    _, one = scored(model, example, "random", "channel", seed=1)
    _, other = scored(model, example, "random", "channel", seed=2)
    assert not torch.equal(one["a.0"], other["a.0"])
    assert len({tuple(s[:6].tolist()) for s in one.values()}) == len(one)


@pytest.mark.parametrize("amount", [1, 7, 100, 300])
def test_weights_by_magnitude_are_torchs(amount):
    layer = nn.Conv2d(4, 9, 3)
    units, scores = scored_layer(layer, "magnitude_l1", "weight")
    keep = allocate(units, Ranking(scores), Plan(sparsity=amount / layer.weight.numel())).keep
    oracle = torch_prune.l1_unstructured(nn.Conv2d(4, 9, 3), "weight", 0).__class__(4, 9, 3)
    oracle.weight.data.copy_(layer.weight)
    torch_prune.l1_unstructured(oracle, "weight", amount)
    assert torch.equal(keep["0"].view_as(layer.weight), oracle.weight_mask.bool())


@pytest.mark.parametrize(("criterion", "n"), [("magnitude_l1", 1), ("magnitude_l2", 2)])
@pytest.mark.parametrize("amount", [1, 4, 8])
def test_channels_by_norm_are_torchs(criterion, n, amount):
    layer = nn.Conv2d(4, 9, 3)
    units, scores = scored_layer(layer, criterion, "channel")
    keep = allocate(units, Ranking(scores), Plan(sparsity=amount / 9)).keep["0"]
    oracle = nn.Conv2d(4, 9, 3)
    oracle.weight.data.copy_(layer.weight)
    torch_prune.ln_structured(oracle, "weight", amount, n=n, dim=0)
    assert torch.equal(keep, oracle.weight_mask.bool().flatten(1).any(1))


def scored_layer(layer, criterion, granularity):
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(9 * 36, 2)).eval()
    units, scores = scored(model, torch.randn(2, 4, 8, 8), criterion, granularity)
    first = tuple(u for u in units if u.name == "0")
    return first, {u.name: scores[u.name] for u in first}


def test_taylor_is_the_squared_sum_of_gradient_times_weight():
    model, example = build(Residual)
    labels = torch.tensor([1, 3])
    _, scores = scored(model, example, "taylor", "channel", labels=labels)
    double = model.double()
    for parameter in double.parameters():
        parameter.requires_grad_(True)
    nn.functional.cross_entropy(double(example.double()), labels).backward()
    weight = double.a[0].weight
    direct = (weight.grad * weight).flatten(1).sum(1).square()
    torch.testing.assert_close(scores["a.0"].double(), direct, rtol=1e-3, atol=1e-12)


def test_gradients_leave_the_model_alone():
    model, example = build(Residual)
    next(iter(gradients(model, example, torch.tensor([0, 1]))))
    assert all(p.grad is None for p in model.parameters())
    assert not model.training


def test_nan_weights_are_named():
    model, example = build(Residual)
    model.a[0].weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"not finite in layer 'a\.0'"):
        scored(model, example, "magnitude_l1", "channel")


@pytest.mark.parametrize("registry", [CRITERIA, GRANULARITIES])
def test_entries_explain_themselves(registry):
    for entry in registry:
        assert entry.sentence.endswith(".")
        assert entry.title
        assert entry.formula
        assert entry.source
        assert entry.family


def test_the_whole_groups_magnitude_is_its_formula_and_ranks_as_a_group_norm():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.Flatten(),
        nn.Linear(4 * 4 * 4, 3),
    ).eval()  # fmt: skip
    nn.init.normal_(model[1].weight)
    units, _ = GRANULARITIES.get("channel").implementation(model, torch.randn(2, 1, 8, 8))
    weights = {name: p.detach() for name, p in model.named_parameters()}
    found = score("magnitude_group", {}, units, Evidence(weights, {}, 0))
    first, norm, second, last = (m.double() for m in (model[0], model[1], model[3], model[5]))
    by_hand = {
        "0": first.weight.square().sum((1, 2, 3)) + norm.weight.square()
        + second.weight.square().sum((0, 2, 3)),
        "3": second.weight.square().sum((1, 2, 3))
        + last.weight.square().reshape(3, 4, 16).sum((0, 2)),
    }  # fmt: skip
    for name, expected in by_hand.items():
        torch.testing.assert_close(
            found[name].double(), expected / expected.mean(), rtol=1e-5, atol=0
        )
