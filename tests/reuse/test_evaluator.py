"""Budgets, orders, estimates and bad input."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pruneviz.evaluate import answers
from pruneviz.measure.quality import accuracy_pair
from pruneviz.reuse import Evaluator, estimates
from pruneviz.reuse.order import batch_size_for, kept_together, stratified
from pruneviz.reuse.tensors import share
from pruneviz.reuse.trace import Trace
from pruneviz.tasks import TASKS
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.wording import passes
from tests.coupling.parts import Drawn
from tests.reuse.reusing import assert_reused, plain, variants


def network_and_data(samples=23):
    model, x = Drawn(["convolution", "residual"]).eval(), torch.randn(samples, 3, 8, 8)
    return model, x, torch.arange(samples) % 4


@pytest.mark.parametrize("budget", [0, 1000, 20_000, 60_000, 2**28])
def test_what_is_kept_stays_within_the_budget(budget):
    model, x, y = network_and_data()
    evaluator = Evaluator(model, x, y, batch_size=4, budget_bytes=budget)
    for name, network in variants(model, x[:2], "weight", 0.5):
        assert_reused(evaluator, network, name)
        kept = [evaluator.store.of(part) for part in range(len(evaluator.parts))]
        assert sum(v.nbytes() for values in kept for v in values.values()) <= budget
    assert evaluator.store.peak_bytes <= budget
    said = [note for note in evaluator.notes if note in passes.over_budget]
    assert bool(said) == (budget < 2**28)


def in_turns(budget, granularity, monkeypatch):
    """Return the values reached again while a layer's levels look at one batch after another."""
    model, x, _ = network_and_data()
    evaluator, reached = Evaluator(model, x, batch_size=4, budget_bytes=budget), []
    levels = [dict(variants(model, x[:2], granularity, level)) for level in (0.2, 0.5, 0.8)]
    values = Trace.values
    monkeypatch.setattr(Trace, "values", lambda *a: reached.append(len(a[1])) or values(*a))
    for name in levels[0]:
        networks = [share(networks[name], levels[0][name]) for networks in levels]
        expected = [plain(evaluator, network) for network in networks]
        evaluator.original_answers()
        reached.append(0)
        for found, logits in zip(evaluator.answers_of(networks), expected, strict=True):
            assert torch.equal(found, logits), name
        assert evaluator.store.peak_bytes <= budget
    assert evaluator.fell_back == 0
    return evaluator, len(reached)


@pytest.mark.parametrize("granularity", ["weight", "channel"])
def test_levels_in_turns_need_the_budget_of_one_batch(granularity, monkeypatch):
    """What the levels of a layer read is reached once, and again for each where it never fits."""
    _, roomy = in_turns(2**28, granularity, monkeypatch)
    monkeypatch.undo()
    evaluator, tight = in_turns(30_000, granularity, monkeypatch)
    monkeypatch.undo()
    _, none = in_turns(0, granularity, monkeypatch)
    assert evaluator.store.refused == 0
    assert tight == roomy < none


@pytest.mark.parametrize("budget", [0, 30_000, 2**28])
def test_whether_a_budget_holds_is_known_before(budget):
    model, x, _ = network_and_data()
    evaluator = Evaluator(model, x, batch_size=4, budget_bytes=budget)
    for name, network in variants(model, x[:2], "weight", 0.5):
        alone = Evaluator(model, x, batch_size=4, budget_bytes=budget)
        alone.answers(network)
        assert evaluator.holds(network) == (alone.store.refused == 0), name


def test_networks_share_what_is_the_same_and_nothing_else():
    model, x, _ = network_and_data()
    one, other = (dict(variants(model, x[:2], "weight", s))["head"] for s in (0.2, 0.8))
    before = copy.deepcopy(other).state_dict()
    shared = share(other, one)
    assert shared.first.weight is one.first.weight
    assert shared.head.weight is not one.head.weight
    assert all(torch.equal(before[name], t) for name, t in shared.state_dict().items())


@pytest.mark.parametrize("samples", [1, 2, 17])
def test_estimates_end_with_the_exact_number(samples):
    model, x, y = network_and_data(samples)
    evaluator = Evaluator(model, x, y, batch_size=3)
    _, network = next(variants(model, x[:2], "weight", 0.9))
    found = list(estimates(evaluator, network))
    assert [e.samples for e in found] == [min(3 * (i + 1), samples) for i in range(len(found))]
    assert [e.exact for e in found] == [False] * (len(found) - 1) + [True]
    last = found[-1]
    pair = accuracy_pair(evaluator.original_answers(), evaluator.answers(network), y)
    assert (last.accuracy, (last.low, last.high)) == (pair.pruned, pair.pruned_interval)
    assert (last.change, (last.change_low, last.change_high)) == (pair.change, pair.change_interval)
    assert all(e.low <= e.accuracy <= e.high for e in found)


def test_estimates_can_be_left_between_batches():
    model, x, y = network_and_data()
    evaluator = Evaluator(model, x, y, batch_size=5)
    passes = []
    network = copy.deepcopy(model)
    network.head.bias = nn.Parameter(torch.randn(4))
    network.register_forward_hook(lambda *_: passes.append(1))
    going = estimates(evaluator, network)
    next(going)
    next(going)
    going.close()
    assert len(passes) == 2


@pytest.mark.parametrize("counts", [[5, 5], [90, 10], [1, 30, 3], [7]])
def test_each_first_part_has_the_shares_of_the_classes(counts):
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    order = stratified(y, len(y))
    assert sorted(order.tolist()) == list(range(len(y)))
    assert torch.equal(order, stratified(y, len(y)))
    for seen in range(1, len(y) + 1):
        part = torch.bincount(y[order[:seen]], minlength=len(counts))
        expected = torch.tensor(counts) * seen / len(y)
        assert float((part - expected).abs().max()) <= 1.0 + len(counts) / 2


def test_batches_are_powers_of_two_within_bounds():
    for shape in [(4,), (3, 32, 32), (3, 224, 224), (1, 28, 28)]:
        size = batch_size_for(torch.zeros(2, *shape))
        assert 8 <= size <= 256
        assert size & (size - 1) == 0


def test_without_labels_logits_are_there_and_accuracy_gets_a_sentence():
    model, x, _ = network_and_data()
    evaluator = Evaluator(model, x)
    assert evaluator.original_answers().shape == (23, 4)
    with pytest.raises(ValueError, match="accuracy needs labels"):
        next(estimates(evaluator, model))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": torch.zeros(0, 3, 8, 8)}, "no input"),
        ({"y": torch.zeros(2, dtype=torch.long)}, "23 inputs and 2 labels"),
        ({"batch_size": 0}, "at least 1 input"),
        ({"budget_bytes": -1}, "at least 0 bytes"),
    ],
)
def test_bad_input_gets_a_sentence(arguments, words):
    model, x, y = network_and_data()
    with pytest.raises(ValueError, match=words):
        Evaluator(**{"model": model, "x": x, "y": y if "x" not in arguments else None, **arguments})


def test_scores_that_the_task_keeps_a_part_of_are_not_all_remembered():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(40, 8), nn.Linear(8, 8), nn.Linear(8, 40)).eval()
    x = torch.randint(40, (12, 6))
    y, task = x.roll(-1, 1), LanguageModelling()
    whole = 12 * 6 * 40 * 4  # bytes of all logits
    changed = copy.deepcopy(model)
    changed[2].weight.data *= 2
    expected = [answers(each, x, y, task) for each in (model, changed, model)]
    for budget, kept in ((whole, True), (whole - 1, False)):
        evaluator = Evaluator(model, x, y, batch_size=5, budget_bytes=budget, task=task)
        found = [evaluator.original_answers(), *map(evaluator.answers, (changed, model))]
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
        assert evaluator.why_plain is None
        assert 0 < evaluator.computed <= 2 * 3, "of a pass's operators those that changed alone"
        assert evaluator.fell_back == 0
        assert [t.logits is not None for t in evaluator.passes.traces.values()] == [kept] * 3


def test_what_is_judged_together_is_looked_at_together():
    numbers = torch.tensor([5, 5, 2, 2, 2, 9, 5, 9])
    order = torch.tensor([3, 7, 0, 2, 6, 1, 5, 4])
    found = kept_together(order, numbers)
    assert found.tolist() == [3, 2, 4, 7, 5, 0, 6, 1]
    task = TASKS.get("multiple_choice").implementation()
    target = torch.zeros(8, 9, dtype=torch.int64)
    target[:, 0] = numbers
    assert torch.equal(task.together(target), numbers)
