"""The search finds what the scan of all levels finds, in fewer evaluations."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.replay import Tally
from pruneviz.sensitivity import LEVELS, Probe, Scan, Search
from pruneviz.sensitivity.search import deepest, split
from tests.sensitivity.test_scan import finished, subject


@pytest.mark.parametrize("granularity", ["weight", "channel"])
@pytest.mark.parametrize("loss", [0.02, 0.2, 1.0])
def test_each_threshold_is_that_of_all_levels(granularity, loss):
    given = subject(granularity, samples=61)
    scan, search = finished(Scan(*given)), finished(Search(*given, loss=loss))
    assert search.done <= search.total < scan.total
    table = search.table()
    for found in table.itertuples():
        curve = [p for p in scan.rows if p.layer == found.layer]
        lost = [-p.change >= loss - 1e-12 for p in curve]
        if lost != sorted(lost):
            # It is no promise where the curve rises again: one change from kept to lost is found.
            at = LEVELS.index(found.sparsity) if not math.isnan(found.sparsity) else len(LEVELS)
            assert at == len(LEVELS) or lost[at]
            assert at == 0 or not lost[at - 1]
            continue
        expected = LEVELS[lost.index(True)] if any(lost) else math.nan
        assert found.sparsity == expected or (math.isnan(found.sparsity) and math.isnan(expected))
        held = [point.sparsity for point, gone in zip(curve, lost, strict=True) if not gone]
        assert found.kept == max([0.0, *held])
    assert "provided that" in search.promise


@given(
    total=st.integers(1, 40),
    data=st.data(),
    needed=st.integers(1, 12),
)
def test_what_is_decided_early_is_what_all_inputs_decide(total, data, needed):
    before = data.draw(st.lists(st.booleans(), min_size=total, max_size=total))
    after = data.draw(st.lists(st.booleans(), min_size=total, max_size=total))
    search = object.__new__(Search)
    search._y, search.__dict__["_right"] = torch.zeros(total), sum(before)
    decided = []
    for seen in range(1, total + 1):
        tally = Tally(seen, sum(before[:seen]), sum(after[:seen]), 0, 0)
        decided.append(search._decided(tally, needed))
    truth = sum(before) - sum(after) >= needed
    assert decided[-1] is truth
    assert {d for d in decided if d is not None} == {truth}


@pytest.mark.parametrize("outcomes", range(2, 30))
def test_no_order_of_levels_costs_less_by_its_own_measure(outcomes):
    assert 1 <= split(outcomes) < outcomes
    assert math.ceil(math.log2(outcomes)) <= deepest(outcomes) < outcomes or outcomes == 2


def test_a_search_goes_on_where_it_was_stopped():
    given = subject()
    whole = finished(Search(*given))
    for stop in range(0, whole.done, 3):
        again = Search(*given)
        again.restore([Probe(*vars(p).values()) for p in whole.rows[:stop]])
        assert again.done == stop
        assert finished(again).rows == whole.rows
    with pytest.raises(ValueError, match="another search"):
        Search(*given).restore(whole.rows[1:2])
    with pytest.raises(ValueError, match="every layer's threshold is known"):
        whole.step()


def test_the_table_grows_layer_by_layer():
    search = Search(*subject())
    sizes = [len(search.table())]
    while not search.finished:
        search.step()
        sizes.append(len(search.table()))
    assert all(b - a in (0, 1) for a, b in itertools.pairwise(sizes))
    assert sizes[0] == 0
    assert sizes[-1] == len(search._names)


@pytest.mark.parametrize("loss", [0.0, -0.1, 1.5, float("nan")])
def test_a_loss_that_is_no_fraction_gets_a_sentence(loss):
    with pytest.raises(ValueError, match="lies in"):
        Search(*subject(), loss=loss)


def test_one_level_and_one_sample_are_enough():
    search = finished(Search(*subject(samples=1), (0.9,)))
    assert search.done == len(search._names)
