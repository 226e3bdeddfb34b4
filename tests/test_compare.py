"""What must hold of any two models' answers, and what holds of a model against itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr

from pruneviz.compare import disagreements, divergence, outcomes
from pruneviz.measure.quality import accuracy_pair


def _pair(seed, n=60, classes=4):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, classes, generator=generator)
    b = a + torch.randn(n, classes, generator=generator)
    return a, b, torch.randint(classes, (n,), generator=generator)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_disagreements_are_all_and_only_those(seed):
    a, b, y = _pair(seed)
    table, accuracy = disagreements(a, b, y), accuracy_pair(a, b, y)
    assert len(table) == (a.argmax(1) != b.argmax(1)).sum()
    assert 1 - len(table) / len(y) == pytest.approx(accuracy.agreement)
    gain = (table["right"] == "pruned").sum() - (table["right"] == "original").sum()
    assert gain / len(y) == pytest.approx(accuracy.change)
    assert table["surprise"].is_monotonic_decreasing
    assert table["surprise"].between(0, 1).all()
    for row in table.itertuples():
        assert row.original == a[row.index].argmax()
        assert row.pruned == b[row.index].argmax()
        assert row.true == y[row.index]


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_outcomes_add_up(seed):
    a, b, y = _pair(seed)
    counts, accuracy = outcomes(a, b, y), accuracy_pair(a, b, y)
    assert counts.both + counts.only_original == round(accuracy.original * len(y))
    assert counts.both + counts.only_pruned == round(accuracy.pruned * len(y))
    assert counts.both + counts.only_original + counts.only_pruned + counts.neither == len(y)


def test_divergence_is_scipys():
    a, b, _ = _pair(1)
    expected = rel_entr(a.double().softmax(1).numpy(), b.double().softmax(1).numpy()).sum(1).mean()
    result = divergence(a, b)
    assert result.kl_nats == pytest.approx(expected, rel=1e-6)
    assert result.agreement_interval[0] <= result.agreement <= result.agreement_interval[1]


def test_a_model_against_itself_never_disagrees():
    a, _, y = _pair(2)
    assert disagreements(a, a, y).empty
    assert divergence(a, a).kl_nats == 0
    assert divergence(a, a).agreement == 1
    assert outcomes(a, a, y).only_original == outcomes(a, a, y).only_pruned == 0
