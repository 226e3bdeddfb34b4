"""What cannot be is said in a sentence with its remedy, before scores; the ends of every amount."""

from __future__ import annotations

import re

import pytest

from pruneviz import run as engine
from pruneviz.allocate import SCOPES, decides_amount
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from tests.fitting import CNN, FITTING, MLP, fitting
from tests.pairwise import in_turn

HUGE = {"rows": 4096, "columns": 65536}
BUDGET = {"of": "parameters", "at_most": 10}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"granularity": "n_m", "granularity_parameters": {"n": 2, "m": 7}},
            "no weight that can be pruned as 'N:M' (fc1: each output reads 30 inputs, which 7 does "
            "not divide: choose another M, or prune it by single weights; fc2: each output reads "
            "64 inputs",
        ),
        (
            {"granularity": "n_m", "granularity_parameters": {"n": 4, "m": 4}},
            "got 4:4: make n less than m",
        ),
        (
            {"granularity": "n_m", "granularity_parameters": {"n": 0}},
            "parameter 'n' must be in [1, 63], got 0",
        ),
        (
            {"granularity": "block", "granularity_parameters": HUGE},
            "no tile that can be pruned as 'Blocks of weights' (fc1: one block of 4096 × 65536 "
            "covers its matrix of 64 × 30: ask for smaller blocks",
        ),
        (
            {"granularity": "kernel"},
            "no kernel that can be pruned as 'Kernels' (fc1: a linear layer has no kernels: prune "
            "it by single weights, N:M or blocks",
        ),
        ({"granularity": "depth"}, "no residual block that can be pruned as 'Residual blocks'"),
        ({"granularity": "head"}, "no head that can be pruned as 'Attention heads'"),
        ({"granularity": "expert"}, "no expert that can be pruned as 'Experts'"),
        ({"granularity": "row"}, "unknown granularity 'row'; choose from block, channel, depth"),
        ({"granularity": "kernel", "granularity_parameters": {"m": 4}}, "it takes: none"),
        ({"scope": "fair"}, "unknown scope 'fair'; choose from"),
        (
            {"scope": "global", "scope_parameters": {"left": 0.5}},
            "'global' has no parameter 'left'; it takes: minimum_width, multiple_of",
        ),
        (
            {"scope": "budget", "scope_parameters": {"of": "flops"}},
            "parameter 'of' must be one of parameters, macs, bytes, got 'flops'",
        ),
    ],
)
def test_what_cannot_be_is_said_before_scores_are_made(fields, words, monkeypatch):
    monkeypatch.setattr(
        "pruneviz.stages.prepare.scored", lambda *_: pytest.fail("scores were made")
    )
    with pytest.raises(ValueError, match=re.escape(words)):
        engine.run(Plan(**{"model": MLP, "sparsity": 0.5, **fields}), latency_runs=1)


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "fair"},
        {"scope_parameters": {"left": 0.5}},
        {"criterion": "luck"},
        {"granularity_parameters": {"n": 2}},
        {"recovery": [{"method": "prayer"}]},
    ],
)
def test_a_wrong_name_is_said_before_the_model_is_opened(fields, monkeypatch):
    monkeypatch.setattr(engine, "load_subject", lambda *_: pytest.fail("the model was opened"))
    with pytest.raises(ValueError, match=r"unknown|has no parameter"):
        engine.run(Plan(**fields), latency_runs=1)


def test_a_budget_below_the_smallest_network_is_said_before_anything_is_trained(monkeypatch):
    finetune = {"method": "finetune", "parameters": {"epochs": 3}}
    plan = Plan(model=MLP, scope="budget", scope_parameters=BUDGET, recovery=[finetune])
    monkeypatch.setattr("pruneviz.stages.prune.apply", lambda *_: pytest.fail("it was pruned"))
    words = (
        r"a budget of 10 parameters cannot be met: at least \d+ of 4,130 are left; ask for 0\.\d+"
    )
    with pytest.raises(ValueError, match=words) as caught:
        engine.run(plan, latency_runs=1)
    least = float(str(caught.value).split("ask for ")[1].split()[0])
    monkeypatch.undo()
    met = plan.changed(scope_parameters={"of": "parameters", "left": least}, recovery=[])
    _, _, report = engine.run(met, latency_runs=1)
    assert report.parameters.pruned <= least * report.parameters.original


@pytest.mark.parametrize("sparsity", [0.0, 1.0])
@pytest.mark.parametrize("granularity", FITTING)
def test_nothing_and_all_that_can_go(granularity, sparsity):
    plan = Plan(sparsity=sparsity, **fitting(granularity))
    prepared, pruned, report = engine.run(plan, latency_runs=1)
    assert report.sparsity.requested == sparsity
    for layer in prepared.units:
        stays = int(pruned.keep[layer.name].sum())
        assert stays == (layer.least if sparsity else layer.count)
    if sparsity == 0.0:
        assert report.parameters.pruned == report.parameters.original
        assert report.accuracy.change == 0
        assert not pruned.is_cut
    elif granularity != "depth":
        assert any("stay" in note for note in report.notes)


@pytest.mark.parametrize(("scope", "granularity"), in_turn(SCOPES.names(), FITTING))
def test_a_locked_layer_stays_whole(scope, granularity):
    fields = fitting(granularity)
    first = {CNN: "conv2", MLP: "fc1"}.get(fields["model"], "stage1")
    settings = {"left": 0.9} if scope == "budget" else {}
    plan = Plan(
        sparsity=0.2, scope=scope, scope_parameters=settings, locks={first: "all"}, **fields
    )
    _, pruned, report = engine.run(plan, latency_runs=1)
    assert bool(pruned.keep[first].all())
    if not decides_amount(scope) and scope not in ("layer", "percentile"):
        assert report.sparsity.removed == round(0.2 * report.sparsity.units)
    with pytest.raises(ValueError, match=r"locks? |its lock lets at most"):
        engine.run(plan.changed(layers={first: 0.5}), latency_runs=1)


def test_all_layers_locked_leave_nothing_to_share_out():
    locks = {"conv1": "all", "conv2": "all", "hidden": "all"}
    with pytest.raises(
        ValueError, match=r"a sparsity of 0\.5 cannot be reached: the lock of conv1"
    ):
        engine.run(Plan(scope="global", sparsity=0.5, locks=locks), latency_runs=1)


OLD_DIGEST = "01e8f5e5f56feb8643b6f490bd5e4a6b9b75f6ed1a8b1b2d9cd4c291b9565293"


def test_a_run_of_an_older_version_keeps_its_digest_and_is_repeated():
    old = {
        "schema_version": 2,
        "model": MLP,
        "weights": None,
        "data": "sample:tumour",
        "criterion": "magnitude_l1",
        "granularity": "channel",
        "scope": "layer",
        "sparsity": 0.5,
    }
    plan = Plan.from_fields(old)
    prepared, pruned, report = engine.run(plan, latency_runs=1)
    assert report.digest == OLD_DIGEST
    assert Plan.from_text(pruned.plan.to_yaml()).digest() == OLD_DIGEST
    explicit = plan.changed(scope_parameters={"minimum_width": 0, "multiple_of": 1})
    assert engine.bind(explicit, prepared.subject).digest() == OLD_DIGEST
    assert engine.bind(plan.changed(scope_parameters={"minimum_width": 1}), prepared.subject
                       ).digest() != OLD_DIGEST  # fmt: skip


def test_each_choice_is_named_apart():
    titles = [entry.title for entry in GRANULARITIES]
    assert len(set(titles)) == len(titles) == 10
    assert GRANULARITIES.get("depth").unit != GRANULARITIES.get("block").unit
