"""Counts are exact, masks nest, locks hold, and what is impossible is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.allocate import SCOPES, Ranking, decides_amount, exact_count
from pruneviz.allocate import allocate as engine_allocate
from pruneviz.plan import Plan

BY_AMOUNT = [name for name in SCOPES.names() if not decides_amount(name)]
EXACT = [name for name in BY_AMOUNT if name != "percentile"]  # of equal scores none goes alone
SHARED = {"uniform", "erk", "owl"}  # largest remainders may move one unit between layers


def allocate(units, ranking, plan):
    return engine_allocate(units, ranking, plan, units_left)


def units_left(of, keep):
    return sum(int(kept.sum()) for kept in keep.values())


@dataclass(frozen=True)
class FakeUnits:
    name: str
    count: int
    least: int = 1
    places: Mapping[str, int] = field(default_factory=dict)

    @property
    def layers(self):
        return (self.name, f"{self.name}.coupled")


@st.composite
def problems(draw):
    counts = draw(st.lists(st.integers(2, 40), min_size=1, max_size=5))
    units = tuple(FakeUnits(f"l{i}", n) for i, n in enumerate(counts))
    values = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 10, width=32)
    scores = {
        u.name: torch.tensor(draw(st.lists(values, min_size=u.count, max_size=u.count)))
        for u in units
    }
    return units, Ranking(scores)


def removed(allocation):
    return {name: int((~keep).sum()) for name, keep in allocation.keep.items()}


@pytest.mark.parametrize(
    ("sparsity", "units", "expected"),
    [(0.5, 10, 5), (0.3, 10, 3), (0.7, 10, 7), (0.15, 10, 2), (0.29, 100, 29), (1e-5, 100000, 1)],
)
def test_asked_fraction_of_units_is_the_count(sparsity, units, expected):
    assert exact_count(sparsity, units) == expected


@settings(max_examples=150, deadline=None)
@given(problems(), st.sampled_from(EXACT), st.integers(0, 100))
def test_counts_are_exact_in_every_scope(problem, scope, percent):
    units, ranking = problem
    sparsity = percent / 100
    allocation = allocate(units, ranking, Plan(scope=scope, sparsity=sparsity))
    went = removed(allocation)
    if scope == "layer":
        for u in units:
            assert went[u.name] == min(exact_count(sparsity, u.count), u.count - 1)
    else:
        total = sum(u.count for u in units)
        assert sum(went.values()) == min(exact_count(sparsity, total), total - len(units))
    assert all(went[u.name] < u.count for u in units)
    clamped = any("never pruned to nothing" in note for note in map(str, allocation.notes))
    assert clamped == (allocation.requested > 0 and _over(units, scope, sparsity))


def _over(units, scope, sparsity):
    if scope == "layer":
        return any(exact_count(sparsity, u.count) > u.count - 1 for u in units)
    total = sum(u.count for u in units)
    return exact_count(sparsity, total) > total - len(units)


@settings(max_examples=100, deadline=None)
@given(problems(), st.sampled_from(SCOPES.names()), st.integers(0, 100), st.integers(0, 100))
def test_more_sparsity_only_removes_more_within_a_ranking(problem, scope, first, second):
    units, ranking = problem
    low, high = sorted([first, second])
    less = allocate(units, ranking, Plan(scope=scope, sparsity=low / 100)).keep
    more = allocate(units, ranking, Plan(scope=scope, sparsity=high / 100)).keep
    if scope in SHARED:
        assert sum(int(k.sum()) for k in more.values()) <= sum(int(k.sum()) for k in less.values())
    else:
        assert all(bool((less[name] | ~more[name]).all()) for name in less)


@settings(max_examples=100, deadline=None)
@given(problems(), st.integers(0, 100))
def test_the_lowest_scores_go_and_ties_go_in_order(problem, percent):
    units, ranking = problem
    keep = allocate(units, ranking, Plan(sparsity=percent / 100)).keep
    for u in units:
        count = int((~keep[u.name]).sum())
        order = sorted(range(u.count), key=lambda i: (float(ranking.scores[u.name][i]), i))
        assert set(order[:count]) == set(torch.nonzero(~keep[u.name]).flatten().tolist())


@settings(max_examples=100, deadline=None)
@given(problems(), st.integers(0, 100))
def test_global_removes_the_lowest_of_all_but_each_layers_best(problem, percent):
    units, ranking = problem
    keep = allocate(units, ranking, Plan(scope="global", sparsity=percent / 100)).keep
    listed = [(float(s), i, u.name, k) for i, u in enumerate(units)
              for k, s in enumerate(ranking.scores[u.name])]  # fmt: skip
    best = {name: max((s, k) for s, _, n, k in listed if n == name)[1] for name in keep}
    open_units = sorted((s, i, k, n) for s, i, n, k in listed if k != best[n])
    count = sum(int((~k).sum()) for k in keep.values())
    assert all(not keep[n][k] for s, i, k, n in open_units[:count])


@settings(max_examples=100, deadline=None)
@given(problems(), st.sampled_from(SCOPES.names()), st.data())
def test_locked_units_stay_and_counts_stay_exact(problem, scope, data):
    units, ranking = problem
    locked = {
        u.name: data.draw(st.lists(st.integers(0, u.count - 1), min_size=1, max_size=u.count))
        for u in units
        if data.draw(st.booleans())
    }
    sparsity = data.draw(st.integers(0, 100)) / 100
    plan = Plan(scope=scope, sparsity=sparsity, locks=locked)
    try:
        allocation = allocate(units, ranking, plan)
    except ValueError as refused:
        error = str(refused)
    else:
        error = ""
    assert not error or "lock" in error
    if error:
        return
    for name, indices in locked.items():
        assert bool(allocation.keep[name][list(indices)].all())
    if scope in EXACT and scope != "layer" and locked:
        total = sum(u.count for u in units)
        assert sum(removed(allocation).values()) == exact_count(sparsity, total)


@settings(max_examples=100, deadline=None)
@given(problems(), st.integers(0, 100))
def test_uniform_gives_every_layer_its_share_within_one_unit(problem, percent):
    units, ranking = problem
    went = removed(allocate(units, ranking, Plan(scope="uniform", sparsity=percent / 100)))
    total = sum(u.count for u in units)
    share = Fraction(sum(went.values()), total)
    if all(share * u.count <= u.count - 1 for u in units):
        assert all(abs(went[u.name] - share * u.count) < 1 for u in units)


def _two_layers():
    units = (FakeUnits("a", 10), FakeUnits("b", 10))
    return units, Ranking({u.name: torch.arange(10.0) for u in units})


def test_a_layers_own_sparsity_is_kept_and_the_rest_makes_up_for_it():
    units, ranking = _two_layers()
    for scope in ("uniform", "global", "erk", "owl"):
        plan = Plan(scope=scope, sparsity=0.5, layers={"a": 0.2})
        assert removed(allocate(units, ranking, plan)) == {"a": 2, "b": 8}


@pytest.mark.parametrize("scope", ["uniform", "global", "erk", "owl"])
def test_layers_set_by_hand_win_over_the_overall_amount_and_it_is_said(scope):
    units, ranking = _two_layers()
    more = allocate(units, ranking, Plan(scope=scope, sparsity=0.1, layers={"a": 0.9}))
    assert removed(more) == {"a": 9, "b": 0}
    assert "lose 9 of all 20 units, more than the 2 asked" in str(more.notes[0])
    less = allocate(units, ranking, Plan(scope=scope, sparsity=0.9, layers={"a": 0.1}))
    assert removed(less) == {"a": 1, "b": 9}
    assert "leave at most 10 of the 18 units asked" in str(less.notes[0])


def test_a_coupled_layers_name_means_its_group():
    units, ranking = _two_layers()
    assert removed(allocate(units, ranking, Plan(layers={"a.coupled": 0.4}))) == {"a": 4, "b": 0}
    with pytest.raises(ValueError, match="go together"):
        allocate(units, ranking, Plan(layers={"a.coupled": 0.4, "a": 0.2}))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"layers": {"c": 0.1}}, r"layer 'c', which cannot be pruned .* did you mean"),
        ({"locks": {"zz": "all"}}, r"a lock names layer 'zz'"),
        ({"locks": {"a": [10]}}, r"names unit 10, but its units are 0 to 9"),
        ({"layers": {"a": 0.3}, "locks": {"a": "all"}}, r"layer 'a' .* at most 0 go"),
        ({"layers": {"a": 0.9}, "locks": {"a": [0, 1, 2]}}, r"most 7 go: .* ask for 0\.7 at most"),
        (
            {"scope": "global", "sparsity": 0.9, "locks": {"a": "all"}},
            r"0\.9 cannot be reached: the lock of a leaves at most 0\.45",
        ),
    ],
)
def test_the_impossible_is_named_with_what_can_be_reached(fields, words):
    units, ranking = _two_layers()
    with pytest.raises(ValueError, match=words):
        allocate(units, ranking, Plan(**fields))
