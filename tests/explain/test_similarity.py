"""Laws of likeness: oneself, the reverse, any order-keeping change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pruneviz.explain import similarity

A = torch.randn(12, 12, generator=torch.Generator().manual_seed(0))


def test_oneself_and_the_reverse():
    assert similarity(A, A).rank_correlation == pytest.approx(1)
    assert similarity(A, A).top_overlap == 1
    assert similarity(A, -A).rank_correlation == pytest.approx(-1)
    assert (
        similarity(A, -A).top_overlap == 1
    )  # the strongest places are the same, their sign is not


def test_scale_matters_to_strength_alone_and_so_does_the_order_of_the_two():
    b = A + torch.randn(12, 12, generator=torch.Generator().manual_seed(1))
    one, scaled, turned = similarity(A, b), similarity(3 * A, b), similarity(b, A)
    assert replace(scaled, strength=one.strength) == one == replace(turned, strength=one.strength)
    assert scaled.strength == pytest.approx(one.strength / 3)
    assert turned.strength == pytest.approx(1 / one.strength)
    assert 0.3 < similarity(A, b).rank_correlation < 0.95
    assert "partly" in similarity(A, b).finding or "similar" in similarity(A, b).finding
    assert "rank correlation 0." in similarity(A, b).numbers


def test_the_finding_says_how_strength_differs():
    assert similarity(A, A).finding == "The two maps are nearly the same"
    assert similarity(A, 0.4 * A).finding.endswith(", the pruned one's at 0.4 times the strength")
    assert "0.40 times as large" in similarity(A, 0.4 * A).numbers


def test_a_flat_map_cannot_be_compared():
    assert "nothing to compare" in similarity(A, torch.zeros(12, 12)).finding
    with pytest.raises(ValueError, match="one shape"):
        similarity(A, A[:3])
