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
    for factor, said in (
        (0.001, "smaller, in sum less than 1 % of the original's"),
        (0.4, "smaller, in sum 40 % of the original's"),
        (1.5, "larger, in sum 150 % of the original's"),
        (12.0, "larger, in sum 12.0 times the original's"),
    ):
        found = similarity(A, factor * A)
        assert found.finding.endswith(f"nearly the same; the pruned network's values are {said}")
        assert found.numbers.endswith(said.partition(", ")[2])


@pytest.mark.parametrize("places", [2, 10, 11, 144])
def test_the_strongest_places_are_counted(places: int):
    a, b = torch.randn(2, places, generator=torch.Generator().manual_seed(places))
    found, k = similarity(a, b), -(-places // 10)
    both = set(a.abs().topk(k).indices.tolist()) & set(b.abs().topk(k).indices.tolist())
    assert found.top_overlap == len(both) / k
    said = f"of the {k} strongest in each map, {len(both)} are in both"
    if k == 1:
        said = f"the strongest is {'the same' if both else 'another'} in each"
    assert said in found.numbers


def test_a_flat_map_cannot_be_compared():
    assert "nothing to compare" in similarity(A, torch.zeros(12, 12)).finding
    with pytest.raises(ValueError, match="one shape"):
        similarity(A, A[:3])
