"""A pairwise set is small, and every two choices that may meet do."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.allocate import SCOPES
from pruneviz.criteria import CRITERIA
from pruneviz.granularity import GRANULARITIES
from tests.pairwise import in_turn, pairs, pairwise


def is_even(*row):
    return sum(row) % 2 == 0


@pytest.mark.parametrize("allowed", [None, is_even])
@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_every_pair_that_may_occur_does_and_none_else(allowed, sizes):
    kinds = [range(size) for size in sizes]
    every = [row for row in itertools.product(*kinds) if allowed is None or allowed(*row)]
    rows = pairwise(*kinds, allowed=allowed)
    assert {pair for row in rows for pair in pairs(row)} == {p for row in every for p in pairs(row)}
    assert set(rows) <= set(every)
    assert len(set(rows)) == len(rows)
    assert pairwise(*kinds, allowed=allowed) == rows


def test_of_criteria_granularities_and_scopes_every_pair_occurs_in_an_eighth():
    kinds = CRITERIA.names(), GRANULARITIES.names(), SCOPES.names()
    rows = pairwise(*kinds)
    for one, other in itertools.combinations(range(3), 2):
        met = {(row[one], row[other]) for row in rows}
        assert met == set(itertools.product(kinds[one], kinds[other]))
    assert len(rows) <= 1.2 * len(kinds[0]) * len(kinds[1])


@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_in_turn_every_choice_occurs_in_as_few_rows_as_can_be(sizes):
    rows = in_turn(*map(range, sizes))
    assert len(rows) == max(sizes)
    assert [set(column) for column in zip(*rows, strict=True)] == [set(range(n)) for n in sizes]
