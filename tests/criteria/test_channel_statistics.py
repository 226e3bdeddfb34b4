"""What channels answer: every statistic against its formula, for layers in odd places too."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.criteria import CRITERIA, score_asked
from pruneviz.statistics import STATISTICS
from pruneviz.statistics.forward import hooked_pass
from pruneviz.statistics.observer import find_sites
from pruneviz.statistics.responses import conductance, gate_gradients
from pruneviz.statistics.statistic import Observer
from tests.networks import Residual, build
from tests.scoring import asked, perceptron, scored


class Small(nn.Module):
    """A convolution, BatchNorm and ReLU in place; a convolution added to it; a linear layer."""

    def __init__(self):
        super().__init__()
        self.one, self.norm = nn.Conv2d(2, 5, 3, padding=1), nn.BatchNorm2d(5)
        self.relu, self.two = nn.ReLU(inplace=True), nn.Conv2d(5, 5, 3, padding=1)
        self.head = nn.Linear(5, 3)

    def one_activation(self, x):
        return self.relu(self.norm(self.one(x)))

    def two_activation(self, x):
        a = self.one_activation(x)
        b = self.two(a)
        b += a
        return self.relu(b)

    def forward(self, x):
        return self.head(self.two_activation(x).mean((2, 3)))


@pytest.fixture
def small():
    torch.manual_seed(0)
    model = Small().eval()
    nn.init.normal_(model.norm.weight)
    return model, torch.randn(70, 2, 5, 6), torch.randint(0, 3, (70,))


def entropy(a, bins=32):
    pooled = a.mean((2, 3)).double()
    found = []
    for channel in pooled.T:
        counts = torch.histc(channel, bins, channel.min().item(), channel.max().item())
        p = counts[counts > 0] / counts.sum()
        found.append(-(p * p.log()).sum())
    return torch.stack(found)


FORMULAS = {
    "activation_mean": lambda a: a.abs().mean((0, 2, 3)),
    "activation_l2": lambda a: a.square().mean((0, 2, 3)).sqrt(),
    "apoz": lambda a: (a != 0).double().mean((0, 2, 3)),
    "activation_variance": lambda a: a.double().var((0, 2, 3), correction=0),
    "activation_entropy": entropy,
    "hrank": lambda a: torch.linalg.matrix_rank(a[:64]).double().mean(0),
}


def test_every_activation_criterion_has_its_formula_here():
    of_channels = {e.name for e in CRITERIA if e.family == "activation" and e.fits("channel")}
    assert set(FORMULAS) == of_channels  # test_experts.py has that of experts


@pytest.mark.parametrize("criterion", FORMULAS)
def test_statistics_are_those_of_what_the_next_layer_reads(criterion, small):
    model, x, _ = small
    with torch.no_grad():
        expected = {
            "one.weight": FORMULAS[criterion](model.one_activation(x)),
            "two.weight": FORMULAS[criterion](model.two_activation(x)),
        }
    units, scores = scored(model, x, criterion, "weight")
    for unit in units[:2]:
        rows = scores[unit.name].view(5, -1)
        assert bool((rows == rows[:, :1]).all())  # one number for all weights of a channel
        torch.testing.assert_close(
            rows[:, 0].double(), expected[unit.parameter].double(), rtol=1e-5, atol=1e-7
        )


def test_an_activation_comes_out_after_norm_addition_and_function_before_it_is_read():
    model, example = build(Residual)
    sites = [{site.parameter for site in found} for found in find_sites(model, example).values()]
    assert {"stem.0.weight"} in sites
    assert {"a.0.weight"} in sites
    assert {"b.0.weight"} in sites
    assert {"down.weight", "c.weight"} in sites  # one addition, one ReLU: one activation for both


def test_a_channel_far_from_zero_keeps_its_variance():
    model = perceptron()
    with torch.no_grad():
        model[3].bias.fill_(1e4)
    x = torch.randn(130, 8)
    _, scores = scored(model, x, "activation_variance", "channel")
    with torch.no_grad():
        answers = torch.relu(model[:4](x)).double()
    torch.testing.assert_close(
        scores["3"].double(), answers.var(0, correction=0), rtol=1e-5, atol=1e-12
    )


def per_sample(model, x, y, goal):
    """Return Σ a·∂goal/∂a by channel, sample by sample, for the first layer's activation."""
    found = []
    for n in range(len(y)):
        a = model.one_activation(x[n : n + 1]).detach().requires_grad_()
        b = model.two(a) + a
        logits = model.head(torch.relu(b).mean((2, 3)))
        (g,) = torch.autograd.grad(goal(logits, y[n : n + 1]), a)
        found.append((a * g).sum((2, 3))[0])
    return torch.stack(found).detach().double()


def test_activation_times_gradient_is_taken_sample_by_sample(small):
    model, x, y = small
    changes = per_sample(model, x, y, nn.functional.cross_entropy)
    _, taylor = scored(model, x, "taylor_activation", "weight", labels=y, normalise=False)
    _, fisher = scored(model, x, "fisher_activation", "weight", labels=y)
    for scores, expected in (
        (taylor, changes.abs().mean(0)),
        (fisher, changes.square().mean(0) / 2),
    ):
        torch.testing.assert_close(
            scores["one"].view(5, -1)[:, 0].double(), expected, rtol=1e-4, atol=1e-9
        )


def test_taylor_over_activations_is_normalised_by_layer(small):
    model, x, y = small
    units, scores = scored(model, x, "taylor_activation", "channel", labels=y)
    assert units
    for found in scores.values():
        torch.testing.assert_close(found.norm(), torch.ones((), dtype=found.dtype))


def test_gates_say_what_switching_a_channel_a_little_off_does(small):
    model, x, y = small
    question = asked(model, x, "taylor_activation", labels=y)

    def loss(logits, labels):
        return nn.functional.cross_entropy(logits, labels, reduction="sum")

    found = sum(b["head.weight"].sum(0) for b in gate_gradients(question, loss, question.samples))
    with torch.no_grad():
        logits = model(x).double()
        less = logits.clone()
        less[:, 1] *= 1 - 1e-6
        fall = (loss(logits, y) - loss(less, y)) / 1e-6
    torch.testing.assert_close(found[1].double(), fall, rtol=1e-3, atol=1e-4)


def test_conductance_adds_up_to_what_the_answer_rises_by(small):
    """All of the answer passes through the second layer's activation (Dhamdhere et al. 2018)."""
    model, x, y = small
    question = asked(model, x, "attribution", labels=y)
    found = conductance(question, x[:20], y[:20], 100)["two.weight"].sum(1)
    with torch.no_grad():
        rise = model(x[:20]) - model(torch.zeros_like(x[:20]))
    expected = rise.gather(1, y[:20, None])[:, 0].double()
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.01)


def test_conductance_is_captums(small):
    from captum.attr import LayerConductance

    model, x, y = small
    x, y = x[:6], y[:6]
    model.relu.inplace = False
    question = asked(model, x, "attribution", labels=y)
    ours = conductance(question, x, y, 100)["one.weight"]
    theirs = LayerConductance(model, model.norm).attribute(x, target=y, n_steps=100)
    torch.testing.assert_close(ours, theirs.sum((2, 3)).detach().double(), atol=0.01, rtol=0.05)


def test_attribution_looks_at_samples_of_the_named_classes_alone(small):
    model, x, y = small
    names = ("cat", "dog", "2")
    _, by_name = scored(model, x, "attribution", labels=y, classes=names)
    _, only = scored(model, x[y == 1], "attribution", labels=y[y == 1], classes=names)
    chosen = scored_with(model, x, y, names, "dog")
    for name, expected in only.items():
        torch.testing.assert_close(chosen[name], expected)
        assert not torch.allclose(chosen[name], by_name[name])
    for same in ("1", " dog ", "dog,1"):
        again = scored_with(model, x, y, names, same)
        assert all(torch.equal(again[name], chosen[name]) for name in chosen)


def scored_with(model, x, y, names, chosen):
    question = asked(model, x, "attribution", labels=y, classes=names)
    return score_asked(replace(question, settings={**question.settings, "classes": chosen})).scores


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [("bird", "there is no class 'bird': name some of cat, dog, 2"), ("7", "no class '7'"),
     ("2", "no calibration sample is of class '2'")],
)  # fmt: skip
def test_classes_that_do_not_exist_are_refused(chosen, sentence, small):
    model, x, y = small
    with pytest.raises(ValueError, match=sentence):
        scored_with(model, x[y < 2], y[y < 2], ("cat", "dog", "2"), chosen)


def test_the_statistics_of_a_long_pass_take_no_more_memory():
    """Sums stay as large as they are however many samples there are."""
    model = perceptron()

    def held(samples, name):
        question = asked(model, torch.randn(samples, 8), owner(name))
        made = STATISTICS.get(name).implementation(question)
        hooked_pass(question, [made])
        return sum(
            t.numel() for v in vars(made).values() if isinstance(v, dict)
            for t in v.values() if isinstance(t, torch.Tensor)
        )  # fmt: skip

    def owner(name):
        return next(e.name for e in CRITERIA if name in e.needs)

    names = [e.name for e in STATISTICS if e.family == "forward" and e.name != "norm_scales"]
    assert len(names) > 6
    for name in names:
        assert isinstance(
            STATISTICS.get(name).implementation(asked(model, torch.randn(4, 8), owner(name))),
            Observer,
        )
        assert held(70, name) == held(700, name) > 0
