"""Asking a network leaves it as it is, and what draws at random is said to."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from pruneviz.network.duplicate import duplicate
from pruneviz.network.steady import keep_steady
from pruneviz.plan import Plan
from pruneviz.reuse import Evaluator
from pruneviz.run import recovered, run
from pruneviz.subjects import load_subject
from pruneviz.wording import passes
from tests import odd_conduct
from tests.odd_conduct import DRAWING, FIXED, WRITING


def name_of(kind):
    return kind.__name__


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "d.npz"
    y = torch.arange(90) % 3
    x = torch.randn(90, 6, generator=torch.Generator().manual_seed(1)) + torch.eye(6)[y]
    np.savez(path, x=x, y=y, train_x=x[:60], train_y=y[:60])
    return f"npz:{path}"


def plan_for(kind, data, **fields):
    return Plan(model=f"python:{odd_conduct.__file__}:make_{name_of(kind)}", data=data, **fields)


def values(model):
    """Return all that a network holds, as it would be written down."""
    return {
        path: {name: repr(value) for name, value in vars(module).items() if "hooks" not in name}
        for path, module in model.named_modules()
    }


@pytest.mark.parametrize("kind", WRITING, ids=name_of)
def test_each_pass_is_the_first_and_leaves_nothing_behind(kind, data):
    subject = load_subject(plan_for(kind, data))
    x, expected = subject.data.x, odd_conduct.factory(kind).eval()
    before = values(expected)
    with torch.no_grad():
        first = odd_conduct.factory(kind).eval()(x)
    copied = duplicate(subject.model)
    evaluator = Evaluator(copied, x, batch_size=len(x), order=torch.arange(len(x)))
    for network in (subject.model, copied, subject.model, copied):
        with torch.inference_mode():
            assert torch.equal(network(x), first)
        assert torch.equal(evaluator.answers(network), first)
    for network in (subject.model, copied):
        found = values(network)
        assert {p: dict.fromkeys(v) for p, v in found.items()} == {
            p: dict.fromkeys(v) for p, v in before.items()
        }
        for name, tensor in [*expected.named_parameters(), *expected.named_buffers()]:
            own = dict([*network.named_parameters(), *network.named_buffers()])[name]
            assert torch.equal(own, tensor), name
    assert not subject.random


@pytest.mark.parametrize("kind", WRITING, ids=name_of)
def test_a_run_reports_what_the_network_answers_first(kind, data):
    recovery = ({"method": "finetune", "parameters": {"epochs": 1, "batch_size": 30}},)
    plan = plan_for(kind, data, granularity="weight", criterion="taylor", sparsity=0.3)
    prepared, pruned, report = run(plan, 3)
    x, y = prepared.subject.data.x, prepared.subject.data.y
    fresh = odd_conduct.factory(kind).eval()
    for name, tensor in [*fresh.named_parameters(), *fresh.named_buffers()]:
        model = prepared.subject.model
        own = dict([*model.named_parameters(), *model.named_buffers()])
        assert torch.equal(own[name], tensor), name
    masked = odd_conduct.factory(kind).eval()
    with torch.no_grad():
        for name, parameter in masked.named_parameters():
            parameter.copy_(dict(pruned.model.named_parameters())[name])
        assert report.accuracy.original == float((fresh(x).argmax(1) == y).double().mean())
        assert report.accuracy.pruned == float((masked(x).argmax(1) == y).double().mean())
    trained = recovered(prepared, plan.changed(recovery=recovery))
    kept = dict(trained.model.named_parameters())
    assert not torch.equal(kept["b.bias"], dict(pruned.model.named_parameters())["b.bias"])


@pytest.mark.parametrize("kind", [*DRAWING, *FIXED], ids=name_of)
def test_what_draws_at_random_is_found_and_no_generator_moves(kind):
    model, x = odd_conduct.factory(kind).eval(), torch.randn(64, 6)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert keep_steady(model, x) == (kind in DRAWING)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (np.random.get_state()[1].tolist(), random.getstate())


@pytest.mark.parametrize("kind", [odd_conduct.Drops, odd_conduct.Numpy], ids=name_of)
def test_it_is_said_wherever_numbers_are(kind, data):
    prepared, _, report = run(plan_for(kind, data, granularity="weight"), 3)
    assert passes.not_fixed() in prepared.subject.notes
    assert str(passes.not_fixed()) in report.notes
    evaluator = Evaluator(prepared.subject.model, prepared.subject.data.x)
    assert evaluator.why_plain in passes.drawn


def test_what_draws_by_other_generators_is_cut_and_by_none_is_called_that(data):
    prepared, pruned, _ = run(plan_for(odd_conduct.Python, data, sparsity=0.3), 3)
    assert prepared.random
    assert pruned.is_cut
    assert pruned.error < 1e-4
    with pytest.raises(ValueError, match=f"cannot be compared: {passes.drawn()}"):
        run(plan_for(odd_conduct.Clock, data, sparsity=0.3), 3)


def test_what_draws_at_one_input_alone_is_found_by_the_evaluation(tmp_path):
    y = torch.arange(400) % 3
    x = torch.randn(400, 6, generator=torch.Generator().manual_seed(1)) + torch.eye(6)[y]
    x[5] = 100.0  # none of those that it is watched on
    path = tmp_path / "d.npz"
    np.savez(path, x=x, y=y, train_x=x[:60], train_y=y[:60])
    prepared, _, report = run(plan_for(odd_conduct.Late, f"npz:{path}", granularity="weight"), 3)
    assert not prepared.subject.random
    assert prepared.random
    assert str(passes.not_fixed()) in report.notes
    model, order = prepared.subject.model, torch.arange(400)
    evaluator = Evaluator(model, prepared.subject.data.x, batch_size=100, order=order)
    assert evaluator.why_plain is None
    evaluator.answers(model)
    assert evaluator.why_plain in passes.drawn


def test_a_replay_says_why_the_numbers_cannot_agree(pruneviz, data, tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text(plan_for(odd_conduct.Drops, data, granularity="weight").to_yaml())
    assert pruneviz("run", path, "--out", tmp_path / "run", "--latency-runs", 3)[0] == 0
    code, _, said = pruneviz("replay", tmp_path / "run")
    assert code == 1
    assert f"the numbers cannot agree exactly: {passes.drawn()}" in " ".join(said.split())
