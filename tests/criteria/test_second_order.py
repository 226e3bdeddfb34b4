"""Gradients and curvature against direct float64 formulas on a network small enough for both."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from pruneviz.statistics import StatisticRequest, collect
from tests.scoring import asked, scored

NAMES = ("0.weight", "2.weight")


def smooth():
    """Return a network that can be derived everywhere, 35 weights, in float64, and its data."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double().eval()
    return model, torch.randn(90, 4).double(), torch.randint(0, 3, (90,))


def loss_by(model, x, y, flat, temperature=1.0, reduction="mean"):
    """Return the loss as a function of all parameters in one vector."""
    sizes = [p.numel() for p in model.parameters()]
    named = {
        name: part.view_as(p)
        for (name, p), part in zip(model.named_parameters(), flat.split(sizes), strict=True)
    }
    logits = functional_call(model, named, (x,)) / temperature
    return nn.functional.cross_entropy(logits, y, reduction=reduction)


def direct(model, x, y, temperature=1.0):
    """Return weights, gradient and Hessian of the mean loss, each over all parameters at once."""
    flat = torch.cat([p.detach().reshape(-1) for p in model.parameters()])

    def loss(w):
        return loss_by(model, x, y, w, temperature)

    gradient = torch.autograd.functional.jacobian(loss, flat)
    return flat, gradient, torch.autograd.functional.hessian(loss, flat)


def by_name(model, flat):
    parts = flat.split([p.numel() for p in model.parameters()])
    return dict(zip(dict(model.named_parameters()), parts, strict=True))


def test_grasp_is_weight_times_hessian_times_gradient():
    model, x, y = smooth()
    for temperature in (1.0, 5.0):
        w, g, h = direct(model, x, y, temperature)
        expected = by_name(model, w * (h @ g))
        _, scores = scored(model, x, "grasp", "weight", labels=y, temperature=temperature)
        for name in NAMES:
            torch.testing.assert_close(scores[name[0]], expected[name], rtol=1e-9, atol=1e-14)


def test_removing_what_grasp_removes_first_keeps_the_gradient_larger():
    """To first order, w → (1 − ε)·w of a weight changes ‖g‖² by −2ε·w·(H·g)."""
    model, x, y = smooth()
    w, g, _ = direct(model, x, y)
    _, scores = scored(model, x, "grasp", "weight", labels=y)
    before = scores["0"]
    for at in (int(before.argmin()), int(before.argmax())):
        shrunk = w.clone()
        shrunk[at] *= 1 - 1e-5
        changed = torch.autograd.functional.jacobian(lambda v: loss_by(model, x, y, v), shrunk)
        rise = (changed.square().sum() - g.square().sum()) / 1e-5
        torch.testing.assert_close(rise, -2 * before[at], rtol=1e-3, atol=1e-10)


def test_hutchinson_errs_by_what_its_probes_leave():
    """The variance of one probe is the sum of the squares beside the diagonal of its row."""
    model, x, y = smooth()
    _, _, h = direct(model, x, y)
    expected = by_name(model, h.diagonal())
    beside = (h.square().sum(1) - h.diagonal().square()).sqrt()
    question = asked(model, x, "obd", "weight", labels=y, probes=200)
    found = collect(("hessian_diagonal",), question)["hessian_diagonal"]
    for name in NAMES:
        error = (found[name].reshape(-1) - expected[name]).abs()
        assert bool((error < 4.5 * by_name(model, beside)[name] / 200**0.5 + 1e-12).all())


def test_obd_is_half_the_curvature_times_the_square_of_the_weight():
    model, x, y = smooth()
    question = asked(model, x, "obd", "weight", labels=y, probes=4)
    diagonal = collect(("hessian_diagonal",), question)["hessian_diagonal"]
    _, scores = scored(model, x, "obd", "weight", labels=y, probes=4)
    for name in NAMES:
        weight = model.get_parameter(name)
        expected = (weight.square() * diagonal[name] / 2).reshape(-1)
        torch.testing.assert_close(scores[name[0]], expected)


def test_more_probes_than_are_held_at_once_are_the_same_probes(monkeypatch):
    model, x, y = smooth()
    together = collect(("hessian_diagonal",), asked(model, x, "obd", labels=y, probes=5))
    monkeypatch.setattr("pruneviz.statistics.curvature.PROBED_NUMBERS", 1)
    one_by_one = collect(("hessian_diagonal",), asked(model, x, "obd", labels=y, probes=5))
    for name in NAMES:
        torch.testing.assert_close(
            together["hessian_diagonal"][name], one_by_one["hessian_diagonal"][name]
        )


@pytest.mark.parametrize("alone", [False, True])
def test_fisher_is_the_mean_square_of_single_samples_gradients(alone, monkeypatch):
    if alone:  # code that cannot be vectorised goes sample by sample

        def refuse(*_, **__):
            raise RuntimeError("no batching rule")

        monkeypatch.setattr("pruneviz.statistics.derivatives.vmap", refuse)
    model, x, y = smooth()
    flat, _, _ = direct(model, x, y)
    total = torch.zeros_like(flat)
    for n in range(len(y)):
        g = torch.autograd.functional.jacobian(
            lambda w, n=n: loss_by(model, x[n : n + 1], y[n : n + 1], w), flat
        )
        total += g.square() / len(y)
    expected = by_name(model, flat.square() * total / 2)
    _, scores = scored(model, x, "fisher", "weight", labels=y)
    for name in NAMES:
        torch.testing.assert_close(scores[name[0]], expected[name], rtol=1e-9, atol=1e-16)
    _, channels = scored(model, x, "fisher", "channel", labels=y)
    by_row = expected["0.weight"].view(5, 4).sum(1)
    torch.testing.assert_close(channels["0"], by_row, rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize(
    ("criterion", "formula"),
    [
        ("snip", lambda g, w: (g * w).abs()),
        ("gradient_magnitude", lambda g, w: g.abs()),
        ("taylor_weight", lambda g, w: (g * w).square()),
        ("taylor", lambda g, w: (g * w).square()),
    ],
)
def test_first_order_criteria_are_their_formulas_averaged_over_batches(criterion, formula):
    model, x, y = smooth()
    expected = dict.fromkeys(NAMES, 0.0)
    for batch in (slice(0, 64), slice(64, 90)):
        w, g, _ = direct(model, x[batch], y[batch])
        for name, each in by_name(model, formula(g, w)).items():
            if name in expected:
                expected[name] = expected[name] + each / 2
    _, scores = scored(model, x, criterion, "weight", labels=y)
    for name in NAMES:
        torch.testing.assert_close(scores[name[0]].double(), expected[name], rtol=1e-5, atol=1e-12)


def test_movement_sums_gradient_times_weight_along_a_training():
    model, x, y = smooth()
    w, _, _ = direct(model, x, y)
    total = torch.zeros_like(w)
    for _ in range(3):
        g = torch.autograd.functional.jacobian(lambda v: loss_by(model, x, y, v), w)
        total -= g * w
        w = w - 0.5 * g
    _, scores = scored(
        model, x, "movement", "weight", labels=y, steps=3, learning_rate=0.5, reduction="sum"
    )
    for name in NAMES:
        torch.testing.assert_close(scores[name[0]], by_name(model, total)[name], rtol=1e-9, atol=0)


@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_ablation_is_the_measured_loss_without_the_unit(granularity):
    model, x, y = smooth()
    units, scores = scored(model, x, "ablation", granularity, labels=y, inputs=1000)
    base = nn.functional.cross_entropy(model(x), y)
    for unit in (0, 3):
        keep = torch.arange(units[0].count) != unit
        named = {
            name: p * units[0].masks(keep)[name] if name in units[0].masks(keep) else p
            for name, p in model.named_parameters()
        }
        loss = nn.functional.cross_entropy(functional_call(model, named, (x,)), y)
        torch.testing.assert_close(scores["0"][unit], (loss - base).detach(), rtol=1e-6, atol=1e-9)


def test_a_statistic_is_computed_from_what_is_asked_alone():
    model, x, y = smooth()
    question = asked(model, x, "fisher", labels=y)
    assert isinstance(question, StatisticRequest)
    assert set(collect(("squared_gradients", "input_squares"), question)) == {
        "squared_gradients",
        "input_squares",
    }
