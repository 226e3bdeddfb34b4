"""Laws for every criterion, with granularities in turn, and published tools as oracles."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from pruneviz.allocate import Ranking, allocate
from pruneviz.criteria import CRITERIA, Evidence, score
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from pruneviz.statistics import gradients, needs_data
from pruneviz.tasks import CLASSIFICATION
from tests.mixtures import Mixture
from tests.networks import Attentive, Residual, build
from tests.pairwise import pairwise
from tests.scoring import is_refused, perceptron, scored

FEW = {"synflow": {"rounds": 5}}
WITH_DATA = {entry.name for entry in CRITERIA if needs_data(entry.needs)}
# drawn for each place: exchanging two channels draws anew
DRAWN = {"random", "obd"}
ALL_SAMPLES = {"hrank": {"inputs": 1000}, "ablation": {"inputs": 1000}}  # not a choice of them
ZERO, CONSTANT, ORDER = "zero weights", "one constant sample", "another order"
LAWS = pairwise(
    [ZERO, CONSTANT, ORDER], CRITERIA.names(), GRANULARITIES.names(),
    allowed=lambda law, criterion, _: law != ORDER or criterion in WITH_DATA,
)  # fmt: skip


def under(law):
    """Parametrise by the criteria and granularities on which a law is tried."""
    pairs = [(criterion, granularity) for each, criterion, granularity in LAWS if each == law]
    return pytest.mark.parametrize(("criterion", "granularity"), pairs)


def network(criterion, granularity):
    """Return a network and two inputs; a smaller one where every unit is measured alone."""
    if granularity in {"head", "depth"}:
        return build(Attentive)
    if granularity == "expert":
        return Mixture().eval(), torch.randn(2, 48)
    if CRITERIA.get(criterion).family != "measured" or granularity == "channel":
        return build(Residual)
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 3)
    return nn.Sequential(*layers).eval(), torch.randn(2, 3, 6, 6)


def having(granularity, count):
    """Return a small network that has such units, and inputs of it."""
    if granularity in {"head", "depth"}:
        return build(Attentive)[0], torch.randn(count, 3, 16, 16)
    if granularity == "expert":
        return Mixture().eval(), torch.randn(count, 48)
    return perceptron(), torch.randn(count, 8)


def scored_or_refused(model, example, criterion, granularity, **options):
    """Return units and scores; None for these where there is nothing that can be scored."""
    units = GRANULARITIES.get(granularity).implementation(model, example[:2])[0]
    if is_refused(criterion, model, units):
        with pytest.raises(ValueError, match=r"choose (channels|a criterion)"):
            scored(model, example, criterion, granularity, **options)
        return units, None
    if not units:
        return units, None
    return scored(model, example, criterion, granularity, **FEW.get(criterion, {}), **options)


@under(ZERO)
def test_zero_weights_give_no_nan(criterion, granularity):
    model, example = network(criterion, granularity)
    for parameter in model.parameters():
        parameter.data.zero_()
    _, scores = scored_or_refused(model, example, criterion, granularity)
    assert scores is None or all(bool(torch.isfinite(s).all()) for s in scores.values())


@under(CONSTANT)
def test_one_constant_sample_of_one_class_gives_no_nan(criterion, granularity):
    model, x = having(granularity, 1)
    x, labels = torch.zeros_like(x), torch.tensor([2])
    _, scores = scored_or_refused(model, x, criterion, granularity, labels=labels)
    assert scores is None or all(bool(torch.isfinite(s).all()) for s in scores.values())


@under(ORDER)
def test_the_order_of_batches_plays_no_part(criterion, granularity):
    (model, x), given = having(granularity, 150), ALL_SAMPLES.get(criterion, {})
    labels = torch.randint(0, 3, (150,))
    batches = list(zip(x.split(64), labels.split(64), strict=True))
    turned = [torch.cat(part) for part in zip(batches[1], batches[0], batches[2], strict=True)]
    units, one = scored_or_refused(model, x, criterion, granularity, labels=labels, **given)
    if one is None:
        return
    _, other = scored(model, turned[0], criterion, granularity, labels=turned[1], **given)
    for layer in units:
        ranks = [Ranking(scores).within(layer.name).tolist() for scores in (one, other)]
        assert ranks[0] == ranks[1], layer.name


@pytest.mark.parametrize(
    "criterion", [e.name for e in CRITERIA if e.name not in DRAWN and e.fits("channel")]
)
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
    next(iter(gradients(CLASSIFICATION, model, example, torch.tensor([0, 1]))))
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
