"""Intervals against direct formulas, and what must hold of any pair of models."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.measure.quality import accuracy_pair, by_class, predicted
from pruneviz.metrics.statistics import paired_change, wilson

Z = 1.959963984540054


@given(st.integers(1, 5000), st.floats(0, 1))
@settings(deadline=None)
def test_wilson_is_the_formula(n, share):
    k = round(n * share)
    p = k / n
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    low, high = wilson(k, n)
    assert low == pytest.approx(max(0, centre - half), abs=1e-9)
    assert high == pytest.approx(min(1, centre + half), abs=1e-9)
    assert low <= p + 1e-12
    assert p - 1e-12 <= high


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_paired_change_holds_the_point_and_turns_with_the_sign(gained, lost, same):
    n = gained + lost + same
    change, (low, high) = paired_change(gained, lost, n)
    mirrored, (low2, high2) = paired_change(lost, gained, n)
    assert low <= change <= high
    assert (change, low, high) == pytest.approx((-mirrored, -high2, -low2))
    assert -1 <= low <= high <= 1


def test_paired_change_covers_the_truth_19_times_in_20():
    generator = torch.Generator().manual_seed(0)
    outcome = torch.tensor([0.80, 0.08, 0.02, 0.10])  # both right, lost, gained, both wrong
    draws = torch.multinomial(outcome, 2000 * 150, replacement=True, generator=generator)
    counts = torch.stack([(draws.reshape(2000, 150) == i).sum(1) for i in range(4)], 1)
    covered = 0
    for _, lost, gained, _ in counts.tolist():
        low, high = paired_change(gained, lost, 150)[1]
        covered += low <= -0.06 <= high
    assert 0.93 <= covered / 2000 <= 0.98


def _pair(seed, n=200, classes=5):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(n, classes, generator=generator),
        torch.randn(n, classes, generator=generator),
        torch.randint(classes, (n,), generator=generator),
    )


def test_a_model_against_itself_does_not_change():
    a, _, y = _pair(0)
    accuracy = accuracy_pair(a, a, y)
    assert accuracy.change == 0
    assert accuracy.agreement == 1
    assert accuracy.original_interval == accuracy.pruned_interval
    low, high = accuracy.change_interval
    assert low == -high


def test_classes_add_up_to_the_whole():
    a, b, y = _pair(1)
    table = by_class(a, b, y, ["a", "b", "c", "d", "e"])
    whole = accuracy_pair(a, b, y)
    assert table["samples"].sum() == whole.samples == 200
    for column in ("original", "pruned", "change"):
        mean = (table[column] * table["samples"]).sum() / 200
        assert mean == pytest.approx(getattr(whole, column))


def test_a_class_without_samples_has_no_accuracy():
    a, b, _ = _pair(2, n=4, classes=2)
    row = by_class(a, b, torch.zeros(4, dtype=torch.long), ["seen", "unseen"]).iloc[1]
    assert row["samples"] == 0
    assert row[["original", "pruned", "change"]].isna().all()
    assert (row["original_low"], row["original_high"]) == (0, 1)


def test_an_answer_that_is_not_a_number_is_never_right():
    logits = torch.tensor([[float("nan"), 0.0], [1.0, 0.0]])
    assert predicted(logits).tolist() == [-1, 0]


def test_shapes_and_labels_that_do_not_fit_are_named():
    a, b, y = _pair(3)
    with pytest.raises(ValueError, match="one shape"):
        accuracy_pair(a, b[:10], y)
    with pytest.raises(ValueError, match="labels must be 0 to 4"):
        accuracy_pair(a, b, y + 5)
