"""Criteria that look at weights alone: magnitude's relatives, BatchNorm scales, SynFlow."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from pruneviz.allocate import Ranking, allocate
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from tests.networks import Concatenated, Residual, build
from tests.scoring import perceptron, scored


def test_lamp_is_its_formula():
    model, example = build(Residual)
    units, scores = scored(model, example, "lamp", "weight")
    for layer in units:
        squares = model.get_parameter(layer.parameter).detach().double().square().flatten()
        some = torch.linspace(0, len(squares) - 1, min(20, len(squares))).long()
        for at in some.tolist():
            expected = squares[at] / squares[squares >= squares[at]].sum()
            torch.testing.assert_close(scores[layer.name][at], expected)


@pytest.mark.parametrize("granularity", ["weight", "channel"])
def test_global_lamp_is_layerwise_magnitude_with_lamps_amounts(granularity):
    model, example = build(Residual)
    units, scores = scored(model, example, "lamp", granularity)
    _, sizes = scored(model, example, "magnitude_l2", granularity, reduction="sum")
    kept = allocate(units, Ranking(scores), Plan(scope="global", sparsity=0.6)).keep
    for layer in units:
        fewest = int((~kept[layer.name]).sum())
        order = sizes[layer.name].argsort(stable=True)
        assert not kept[layer.name][order[:fewest]].any()
    # the last of a layer scores 1, so no layer is emptied before all are
    assert all(float(s.max()) == 1 for s in scores.values())


@pytest.mark.parametrize("amount", [1, 4, 8])
def test_linf_is_torchs(amount):
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 9, 3)
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(9 * 36, 2)).eval()
    units, scores = scored(model, torch.randn(2, 4, 8, 8), "magnitude_linf", "channel")
    first = {"0": scores["0"]}
    keep = allocate(units[:1], Ranking(first), Plan(sparsity=amount / 9)).keep["0"]
    oracle = nn.Conv2d(4, 9, 3)
    oracle.weight.data.copy_(layer.weight)
    torch_prune.ln_structured(oracle, "weight", amount, n=float("inf"), dim=0)
    assert torch.equal(keep, oracle.weight_mask.bool().flatten(1).any(1))


def test_random_removes_as_many_as_torch_does():
    """Which ones is another generator's; how many, and that all are as likely, is not."""
    model = perceptron()
    gone = torch.zeros(30)
    for seed in range(300):
        units, scores = scored(model, torch.randn(2, 8), "random", "weight", seed=seed)
        last = tuple(u for u in units if u.name == "3")
        keep = allocate(last, Ranking({"3": scores["3"]}), Plan(sparsity=0.4)).keep["3"]
        gone += ~keep
    oracle = nn.Linear(6, 5)
    torch_prune.random_unstructured(oracle, "weight", 0.4)
    assert int((~keep).sum()) == int((oracle.weight_mask == 0).sum())
    assert 70 < gone.min() < gone.max() < 170  # 120 each, by a standard deviation of 8.5


@pytest.mark.parametrize("kind", [Residual, Concatenated])
@pytest.mark.parametrize("criterion", ["magnitude_l1", "snip", "wanda"])
def test_reductions_are_what_they_say(kind, criterion):
    model, example = build(kind)
    units, _ = GRANULARITIES.get("channel").implementation(model, example)
    given = {"compare": "layer"} if criterion == "wanda" else {}
    single = scored(model, example, criterion, "weight", **given)[1]
    shapes = {n.removesuffix(".weight"): p.shape for n, p in model.named_parameters()}
    weights = {f"{name}.weight": each.view(shapes[name]) for name, each in single.items()}
    ways = {"mean": lambda v: v.mean(), "sum": lambda v: v.sum(), "l2": lambda v: v.norm(),
            "max": lambda v: v.max()}  # fmt: skip
    for way, function in ways.items():
        found = scored(model, example, criterion, "channel", reduction=way, **given)[1]
        for layer in units:
            for unit in (0, layer.count - 1):
                parts = [
                    weights[m.parameter].movedim(m.axis, 0)[m.index[m.unit == unit]].flatten()
                    for m in layer.group.members if m.produces
                ]  # fmt: skip
                torch.testing.assert_close(
                    found[layer.name][unit], function(torch.cat(parts)), rtol=1e-4, atol=1e-7
                )


def test_fpgm_and_similarity_are_their_formulas():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 6, 3), nn.Flatten(), nn.Linear(96, 3)).eval()
    with torch.no_grad():
        model[0].weight[4] = 3 * model[0].weight[1]  # the same direction
        model[0].weight[5] = 0
    filters = model[0].weight.detach().flatten(1)
    _, distance = scored(model, torch.randn(2, 2, 6, 6), "fpgm", "channel")
    direct = torch.stack([(filters - f).norm(dim=1).mean() for f in filters])
    torch.testing.assert_close(distance["0"], direct)
    _, found = scored(model, torch.randn(2, 2, 6, 6), "similarity", "channel")
    for i in range(5):
        cosines = [nn.functional.cosine_similarity(filters[i], filters[j], dim=0)
                   for j in range(6) if j != i]  # fmt: skip
        torch.testing.assert_close(found["0"][i], 1 - max(cosines), rtol=1e-4, atol=1e-6)
    assert float(found["0"][[1, 4, 5]].max()) < 1e-5


def test_batchnorm_scales_rank_the_channels_they_scale():
    model, example = build(Residual)
    _, scores = scored(model, example, "bn_scale", "channel")
    torch.testing.assert_close(scores["a.0"], model.a[1].weight.detach().abs())
    both = (model.stem[1].weight.abs() + model.b[1].weight.abs()) / 2  # they go together
    torch.testing.assert_close(scores["stem.0"], both.detach())
    without = scores["down"]
    torch.testing.assert_close(without.mean(), torch.tensor(1.0))
    _, single = scored(model, example, "bn_scale", "weight")
    rows = single["a.0"].view(6, -1)
    torch.testing.assert_close(rows[:, 3], model.a[1].weight.detach().abs())
    assert bool((rows == rows[:, :1]).all())


def direct_synflow(model, x, rounds, final):
    """Return in which round each weight goes: Tanaka's loop, with nothing of ours in it."""
    layers = [m for m in model if isinstance(m, nn.Linear)]
    masks = [torch.ones_like(m.weight, dtype=torch.float64) for m in layers]
    gone = [torch.full(m.weight.shape, rounds + 1) for m in layers]
    total = sum(m.weight.numel() for m in layers)
    for number in range(1, rounds + 1):
        weights = [(m.weight.detach().double().abs() * mask).requires_grad_()
                   for m, mask in zip(layers, masks, strict=True)]  # fmt: skip
        flow = torch.ones(1, x.shape[1], dtype=torch.float64)
        for weight in weights:
            flow = flow @ weight.T
        grads = torch.autograd.grad(flow.sum(), weights)
        scores = torch.cat(
            [(g * w).detach().flatten() for g, w in zip(grads, weights, strict=True)]
        )
        alive = torch.cat([mask.flatten() for mask in masks]) > 0
        left = round(total * (1 - final) ** (number / rounds))
        threshold = torch.sort(scores[alive], descending=True).values[left - 1]
        keep = alive & (scores >= threshold)
        for i, part in enumerate(keep.split([m.numel() for m in masks])):
            part = part.view_as(masks[i])
            gone[i][(masks[i] > 0) & ~part] = number
            masks[i] = part.double()
    return gone


def test_synflow_goes_the_way_of_a_direct_loop():
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(8, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3))
    model, x = model.eval(), torch.randn(2, 8)
    units, scores = scored(model, x, "synflow", "weight", rounds=7, final_sparsity=0.8)
    gone = torch.cat([g.flatten() for g in direct_synflow(model, x, 7, 0.8)])
    places = torch.cat([scores[u.name] for u in units])
    for number in range(1, 8):
        assert places[gone == number].max() < places[gone > number].min()
    assert len(set(places.tolist())) == len(places)


def test_synaptic_flow_is_conserved_from_layer_to_layer():
    """What flows into a layer flows out of it: the sums of all layers agree (Tanaka, theorem 1)."""
    from pruneviz.statistics.flow import flow_gradients, ones_like, positive_weights

    model = perceptron()
    found = flow_gradients(model, ones_like(torch.randn(2, 8)), positive_weights(model))
    sums = [float(found[f"{name}.weight"].sum()) for name in (0, 3, 5)]
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-9)


def test_iterated_synflow_dries_no_layer_up_where_one_round_does():
    torch.manual_seed(0)
    sizes = (8, 64, 64, 4)
    layers = [part for i in range(3) for part in (nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU())]
    model, x = nn.Sequential(*layers[:-1]).eval(), torch.randn(2, 8)
    left = {}
    for rounds in (1, 100):
        units, scores = scored(model, x, "synflow", "weight", rounds=rounds, final_sparsity=0.99)
        joined = torch.cat([scores[u.name] for u in units])
        last = joined.argsort(descending=True)[:48]
        ends = torch.tensor([u.count for u in units]).cumsum(0)
        left[rounds] = torch.bincount(torch.bucketize(last, ends, right=True), minlength=3).min()
    assert left[100] > left[1]
