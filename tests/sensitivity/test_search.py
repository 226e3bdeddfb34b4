"""The search finds what the scan of all levels finds, in fewer evaluations."""

from __future__ import annotations

import itertools
import math
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.evaluate import predict
from pruneviz.reuse import Tally
from pruneviz.reuse.order import hardest_first
from pruneviz.sensitivity import LEVELS, Probe, Scan, Search
from pruneviz.sensitivity.search import split
from pruneviz.sensitivity.splitting import LOST_COST, MOST_WEIGHED
from tests.sensitivity.test_scan import finished, subject


@pytest.mark.parametrize("granularity", ["weight", "channel"])
@pytest.mark.parametrize("loss", [0.02, 0.2, 1.0])
def test_each_threshold_is_that_of_all_levels(granularity, loss):
    given = subject(granularity, samples=61)
    scan, search = finished(Scan(*given)), finished(Search(*given, loss=loss))
    assert search.done == search.total < scan.total
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
    points = f"{100 * loss:g} points of accuracy at one level"  # as the page and the command say it
    assert f"provided that a layer which loses {points}" in str(search.promise)


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
        decided.append(search._loses(tally, needed))
    assert decided[-1] is (sum(before) - sum(after) >= needed)
    assert decided == sorted(decided), "what is decided stays so"


def every_cost(shares):
    """Return the cost of the cheapest way to tell outcomes apart, by trying all trees."""
    if len(shares) == 1:
        return 0.0
    return min(
        sum(shares[:low]) * LOST_COST
        + every_cost(shares[:low])
        + sum(shares[low:])
        + every_cost(shares[low:])
        for low in range(1, len(shares))
    )


@given(st.lists(st.sampled_from([1.0, 1.5, 2.0, 7.0]), min_size=2, max_size=7).map(tuple))
def test_no_order_of_levels_costs_less(shares):
    total = 0.0
    for truth, share in enumerate(shares):
        low, high = 0, len(shares)
        while high - low > 1:
            middle = low + split(shares[low:high])
            total += share * (LOST_COST if truth < middle else 1)
            low, high = (low, middle) if truth < middle else (middle, high)
    assert total == pytest.approx(every_cost(shares))


def cost_of(shares, where):
    """Return the mean cost to tell outcomes apart where each split is as `where` says."""
    if len(shares) == 1:
        return 0.0
    low = where(shares)
    ends = LOST_COST * sum(shares[:low]) + sum(shares[low:])
    return ends + cost_of(shares[:low], where) + cost_of(shares[low:], where)


def test_the_way_for_many_levels_costs_hardly_more_than_the_cheapest(monkeypatch):
    shares = tuple(1.0 + 3 * (n % 7 == 0) for n in range(MOST_WEIGHED + 14))
    found = cost_of(shares, split.__wrapped__)
    monkeypatch.setattr("pruneviz.sensitivity.splitting.MOST_WEIGHED", len(shares))
    assert found <= 1.03 * cost_of(shares, split.__wrapped__)


@pytest.mark.parametrize("levels", [150, 599])
def test_hundreds_of_levels_are_searched_at_once(levels):
    given = subject(samples=3)
    search = Search(*given, levels=[(n + 1) / levels for n in range(levels)], loss=0.3)
    began = time.perf_counter()
    for _ in range(3):
        name, number = search._next()
        search._take(Probe(name, search._levels[number], True, 3, 0.0, 0.0, 0.0))
    assert time.perf_counter() - began < 0.5
    assert split.cache_info().maxsize


def test_logits_that_are_known_are_not_computed_again(monkeypatch):
    given = subject()
    model, x = given[0], given[3]
    whole = finished(Search(*given))
    known = predict(model, x)
    monkeypatch.setattr("pruneviz.sensitivity.search.predict", None)
    assert repr(finished(Search(*given, answers=known)).rows) == repr(whole.rows)


def test_the_promise_says_that_the_level_was_chosen_on_the_same_inputs():
    assert "chosen on the same inputs" in str(Search(*subject()).promise)


def test_what_the_original_only_just_gets_right_comes_first():
    logits, y = torch.tensor([[3.0, 0], [0, 1], [2, 1], [0, 5.0]]), torch.tensor([0, 0, 0, 1])
    assert hardest_first(logits, y).tolist() == [1, 2, 0, 3]


def test_a_search_goes_on_where_it_was_stopped():
    given = subject()
    whole = finished(Search(*given))
    for stop in range(0, whole.done, 3):
        again = Search(*given)
        again.restore({"probes": whole.state()["probes"][:stop]})
        assert again.done == stop
        assert repr(finished(again).rows) == repr(whole.rows)
    with pytest.raises(ValueError, match="another search"):
        Search(*given).restore({"probes": whole.state()["probes"][1:2]})
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
