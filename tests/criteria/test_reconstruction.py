"""Layers' inputs, and the criteria that make up for what they remove, against direct formulas."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz import run as engine
from pruneviz.criteria import updated
from pruneviz.criteria.reconstruction import hessian, obs_update, sparsegpt_update
from pruneviz.evaluate import predict
from pruneviz.plan import Plan
from pruneviz.stages import recovery_rounds
from pruneviz.statistics import collect
from pruneviz.subjects import load_subject
from pruneviz.wording import judged
from tests.scoring import all_scored, asked, scored

LAYERS = [
    nn.Linear(6, 5),
    nn.Conv1d(3, 4, 3, stride=2, padding=1),
    nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)),
    nn.Conv2d(4, 6, 3, padding="same", groups=2),
    nn.Conv2d(4, 4, 3, padding=1, groups=4),
    nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"),
    nn.Conv3d(2, 3, 2),
    nn.ConvTranspose1d(3, 4, 4, stride=2, padding=1),
    nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
]


def inputs_of(layer):
    if isinstance(layer, nn.Linear):
        return torch.randn(70, 6).double()
    size = (9, 8, 5)[: layer.weight.ndim - 2]
    return torch.randn(3, layer.in_channels, *size).double()


class Alone(nn.Module):
    """One layer, and two numbers made of its answers."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x).flatten(1)[:, :2]


def columns_of(layer, x):
    """Return X with answer = X·wᵀ + b by asking the layer for each weight: (rows, weights)."""
    bias = layer.bias.detach().clone()
    weight = layer.weight.detach().clone()
    layer.bias.data.zero_()
    found = []
    for at in range(weight.numel()):
        one = torch.zeros(weight.numel(), dtype=weight.dtype)
        one[at] = 1
        layer.weight.data.copy_(one.view_as(weight))
        found.append(layer(x).detach().reshape(-1))
    layer.weight.data.copy_(weight)
    layer.bias.data.copy_(bias)
    return torch.stack(found, 1)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_products_of_inputs_are_those_of_the_layers_own_answers(layer):
    """The products of all columns, found by asking the layer, are XᵀX for each output."""
    layer = layer.double()
    x = inputs_of(layer)
    question = asked(Alone(layer).eval(), x, "obs", "weight")
    found = collect(("input_products", "input_squares"), question)
    geometry = question.layers["layer.weight"]
    asking = columns_of(layer, x)  # each output has columns of its own
    whole = asking.T @ asking
    number = geometry.matrix(torch.arange(layer.weight.numel()).view_as(layer.weight))
    for group, row in itertools.product(range(geometry.groups), range(number.shape[1])):
        at = number[group, row]
        products = found["input_products"]["layer.weight"][group] * len(x)
        torch.testing.assert_close(products, whole[at][:, at], rtol=1e-9, atol=1e-9)
    if not geometry.transposed:  # there, edges are left out of account
        squares = found["input_squares"]["layer.weight"].reshape(-1)
        torch.testing.assert_close(squares, whole.diagonal(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_layer_as_a_matrix_and_back_is_itself(layer):
    geometry = asked(Alone(layer.double()).eval(), inputs_of(layer), "wanda", "weight").layers
    weight = layer.weight.detach()
    each = geometry["layer.weight"]
    assert torch.equal(each.weight(each.matrix(weight)), weight)
    assert each.by_output(torch.arange(each.outputs)).shape == weight.shape


def test_one_value_an_output_reaches_the_weights_of_that_output():
    for layer in LAYERS:
        layer = layer.double()
        x = inputs_of(layer)
        geometry = asked(Alone(layer).eval(), x, "wanda", "weight").layers["layer.weight"]
        weight = layer.weight.detach().clone()
        before = layer(x).detach()
        chosen = torch.zeros(geometry.outputs)
        chosen[1] = 1
        layer.weight.data.masked_fill_(geometry.by_output(chosen).bool(), 0.0)
        dim = -1 if isinstance(layer, nn.Linear) else 1
        differs = (layer(x) != before).movedim(dim, 0).flatten(1).any(1)
        layer.weight.data.copy_(weight)
        assert differs.nonzero().flatten().tolist() == [1]


def problem(rows=5, columns=8, samples=40):
    torch.manual_seed(1)
    x = torch.randn(samples, columns).double() @ torch.randn(columns, columns).double()
    weight = torch.randn(rows, columns).double()
    keep = torch.rand(rows, columns) > 0.5
    keep[0] = False
    keep[1] = True
    return x, weight, keep, x.T @ x / samples


def slow_obs(weight, gone, matrix):
    """Remove weights of a row one at a time, each with its optimal update (Hassibi 1993)."""
    inverse, w = torch.linalg.inv(matrix), weight.clone()
    for q in gone:
        w = w - w[q] / inverse[q, q] * inverse[:, q]
        inverse = inverse - torch.outer(inverse[:, q], inverse[q]) / inverse[q, q]
        w[q] = 0.0
        inverse[q], inverse[:, q], inverse[q, q] = 0.0, 0.0, 1.0
    return w


def test_obs_updates_as_removing_one_weight_after_another_does():
    _, weight, keep, products = problem()
    found = obs_update(weight, keep, products, 0.01)
    matrix = hessian(products, 0.01)
    for row, stays in enumerate(keep):
        expected = slow_obs(weight[row], (~stays).nonzero().flatten().tolist(), matrix)
        torch.testing.assert_close(found[row], expected, rtol=1e-8, atol=1e-10)


def test_obs_leaves_the_least_squares_answer():
    x, weight, keep, products = problem()
    found = obs_update(weight, keep, products, 1e-8)
    for row, stays in enumerate(keep):
        solved = torch.linalg.lstsq(x[:, stays], x @ weight[row]).solution if stays.any() else []
        torch.testing.assert_close(found[row][stays], torch.as_tensor(solved).double(), atol=1e-4,
                                   rtol=1e-4)  # fmt: skip


def test_the_score_of_obs_is_the_error_it_leaves():
    """w² / [H⁻¹]_qq, halved, is what ½·δᵀHδ becomes with the optimal update."""
    _, weight, _, products = problem()
    inverse = torch.linalg.inv(hessian(products, 0.01))
    matrix = hessian(products, 0.01)
    for q in range(3):
        keep = torch.arange(8) != q
        change = obs_update(weight[:1], keep[None], products, 0.01)[0] - weight[0]
        error = change @ matrix @ change
        torch.testing.assert_close(error, weight[0, q].square() / inverse[q, q])


def slow_sparsegpt(weight, keep, matrix):
    """Go through the columns; a removed weight is made up for by the columns after it."""
    w = weight.clone()
    for j in range(weight.shape[1]):
        inverse = torch.linalg.inv(matrix[j:, j:])
        error = torch.where(keep[:, j], 0.0, w[:, j]) / inverse[0, 0]
        w[:, j:] = w[:, j:] - error[:, None] * inverse[0]
        w[:, j] = torch.where(keep[:, j], w[:, j], 0.0)
    return w


@pytest.mark.parametrize("block", [1, 3, 8, 128])
def test_sparsegpt_is_the_column_sweep_whatever_the_block(block):
    _, weight, keep, products = problem()
    found = sparsegpt_update(weight, keep, products, 0.01, block)
    expected = slow_sparsegpt(weight, keep, hessian(products, 0.01))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)
    assert bool((found[~keep] == 0).all())


def test_errors_fall_from_zeros_to_a_sweep_to_the_optimum():
    x, weight, keep, products = problem()
    ways = (weight * keep, sparsegpt_update(weight, keep, products, 1e-6, 4),
            obs_update(weight, keep, products, 1e-6))  # fmt: skip
    errors = [float((x @ (way - weight).T).square().sum()) for way in ways]
    assert errors[0] > errors[1] > errors[2] > 0


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_updates_of_every_kind_of_layer_bring_its_answers_nearer(layer):
    torch.manual_seed(0)
    layer = layer.double()
    layer.reset_parameters()
    x, model = inputs_of(layer), Alone(layer).eval()
    found = all_scored(model, x, "obs", "weight")
    keep = found.scores["layer"] > found.scores["layer"].median()
    masks = {"layer.weight": keep.view_as(layer.weight)}
    before, errors = layer(x).detach(), {}
    for criterion in ("obs", "sparsegpt"):
        better = updated(model, criterion, {"damping": 1e-8}, masks, found.evidence)
        assert bool((better.layer.weight[~masks["layer.weight"]] == 0).all())
        errors[criterion] = float((better.layer(x) - before).square().sum())
    assert updated(model, "magnitude_l1", {}, masks, found.evidence) is model
    layer.weight.data.mul_(masks["layer.weight"])
    zeros = float((layer(x) - before).square().sum())
    assert errors["obs"] < zeros
    assert errors["obs"] <= errors["sparsegpt"] * (1 + 1e-5)


def test_wanda_is_its_formula_and_ranks_within_rows():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).eval()
    x = torch.randn(100, 6)
    _, rows = scored(model, x, "wanda", "weight")
    _, layer = scored(model, x, "wanda", "weight", compare="layer")
    read = {"0": x, "2": torch.relu(model[0](x)).detach()}
    for name, seen in read.items():
        weight = model.get_submodule(name).weight.detach()
        direct = weight.abs() * seen.norm(dim=0)
        torch.testing.assert_close(
            layer[name].view_as(weight).float(), direct, rtol=1e-5, atol=1e-7
        )
        places = direct.argsort(1).argsort(1).double() / weight.shape[1]
        torch.testing.assert_close(rows[name].view_as(weight).double(), places)
    _, channels = scored(model, x, "wanda", "channel")
    torch.testing.assert_close(channels["0"], layer["0"].view(5, 6).mean(1))


def test_thinet_removes_greedily_what_the_next_layers_answers_miss_least():
    torch.manual_seed(0)
    first, second = nn.Conv2d(2, 7, 3), nn.Conv2d(7, 4, 3, stride=2, padding=1)
    model = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))
    model = model.double().eval()
    x = torch.randn(5, 2, 7, 7).double()
    _, scores = scored(model, x, "thinet", "channel")
    read = torch.relu(first(x)).detach()
    parts = []
    for channel in range(7):
        alone = torch.zeros_like(read)
        alone[:, channel] = read[:, channel]
        parts.append(nn.functional.conv2d(alone, second.weight, None, 2, 1).detach())
    gone, order = torch.zeros_like(parts[0]), []
    while len(order) < 7:
        left = [c for c in range(7) if c not in order]
        errors = [float((gone + parts[c]).square().sum()) for c in left]
        order.append(left[errors.index(min(errors))])
        gone = gone + parts[order[-1]]
    assert scores["0"].argsort().tolist() == order
    assert scores["3" if "3" in scores else "2"].shape == (4,)


@pytest.mark.parametrize("criterion", ["obs", "sparsegpt"])
def test_a_plan_updates_what_stays_before_it_is_measured(criterion):
    plan = Plan(model="sample:tumour-mlp", criterion=criterion, granularity="weight", sparsity=0.8)
    subject = load_subject(plan)
    prepared = engine.prepare(subject, plan)
    pruned = engine.prune(prepared, plan)
    weights = dict(subject.model.named_parameters())
    for name, mask in pruned.masks.items():
        now = pruned.model.get_parameter(name)
        assert bool((now[~mask] == 0).all())
        assert not torch.equal(now[mask], weights[name][mask])
    x = subject.data.calibration_x
    plain = engine.prune(replace(prepared, evidence=None), plan)
    original = predict(subject.model, x)
    errors = [(predict(p.model, x) - original).square().sum() for p in (pruned, plain)]
    assert errors[0] < errors[1]


def test_cut_networks_are_ranked_only_and_say_so():
    plan = Plan(model="sample:tumour-mlp", criterion="obs", sparsity=0.5)
    _, pruned, _ = engine.run(plan, latency_runs=3)
    assert any(note in judged.only_ranks for note in pruned.notes)
    weights = plan.changed(granularity="weight")
    assert not any(n in judged.only_ranks for n in engine.run(weights, latency_runs=3)[1].notes)


def test_every_round_of_a_recovery_updates_what_stays(monkeypatch):
    plan = Plan(
        model="sample:tumour-mlp", criterion="sparsegpt", granularity="weight", sparsity=0.8,
        schedule="linear", schedule_parameters={"rounds": 2},
        recovery=[{"method": "finetune", "parameters": {"epochs": 2}}],
    )  # fmt: skip
    removed, rounds = recovery_rounds.removed, []

    def noted(model, *args):
        rounds.append((dict(model.named_parameters()), removed(model, *args)))
        return rounds[-1][1]

    monkeypatch.setattr(recovery_rounds, "removed", noted)
    _, pruned, _ = engine.run(plan, latency_runs=3)
    assert len(rounds) == 2
    for before, applied in rounds:
        for name, mask in applied.masks.items():
            now = applied.model.get_parameter(name)
            assert bool((now[~mask] == 0).all())
            assert not torch.equal(now[mask], before[name][mask])
    first, second = (applied.masks for _, applied in rounds)
    for name, mask in pruned.masks.items():
        assert torch.equal(mask, second[name])
        assert bool((first[name] | ~mask).all())  # the second round only removes more
        assert bool((pruned.model.get_parameter(name)[~mask] == 0).all())


def test_only_criteria_that_update_keep_what_scores_were_made_from():
    plan = Plan(model="sample:tumour-mlp", granularity="weight")
    subject = load_subject(plan)
    kept = {
        name: engine.prepare(subject, plan.changed(criterion=name)).evidence is not None
        for name in ("obs", "sparsegpt", "wanda", "taylor", "magnitude_l1")
    }
    assert kept == {"obs": True, "sparsegpt": True, "wanda": False, "taylor": False,
                    "magnitude_l1": False}  # fmt: skip
