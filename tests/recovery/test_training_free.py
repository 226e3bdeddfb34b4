"""What comes back without training: each by itself, and all together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz import run as engine
from pruneviz.analyses.without_training import untrained_methods, without_training
from pruneviz.plan import Plan
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.subjects import load_subject

DIGITS = Plan(model="sample:digits-cnn", granularity="weight", scope="global", sparsity=0.93)


def pruned(plan):
    prepared = engine.prepare(load_subject(plan), plan)
    return prepared, engine.prune(prepared, plan)


def test_rows_are_what_the_recoveries_themselves_reach():
    prepared, network = pruned(DIGITS)
    rows = {row.methods: row.quality for row in without_training(prepared, network)}
    first, second = untrained_methods(network.model, prepared.subject.data)
    assert set(rows) == {(), (first,), (second,), (first, second)}
    assert rows[()].change == 0
    for methods in rows:
        if methods:
            plan = DIGITS.changed(recovery=[{"method": method} for method in methods])
            work = RecoveryRounds(prepared, plan)
            while not work.finished:
                work.step()
            assert rows[methods].pruned == work.curve[-1].value
            assert rows[methods].original == rows[()].pruned


def test_a_network_without_batch_norm_has_its_biases_alone():
    prepared, network = pruned(Plan(model="sample:tumour-mlp", sparsity=0.5))
    assert untrained_methods(network.model, prepared.subject.data) == ("correct_biases",)
    assert [row.methods for row in without_training(prepared, network)] == [
        (), ("correct_biases",)
    ]  # fmt: skip


def test_without_labels_it_is_refused():
    prepared, network = pruned(DIGITS)
    prepared = replace(prepared, subject=replace(prepared.subject, data=None))
    with pytest.raises(ValueError, match="accuracy needs labelled data"):
        next(without_training(prepared, network))
