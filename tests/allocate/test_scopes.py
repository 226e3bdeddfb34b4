"""Each scope against its own formula: thresholds, ERK, OWL, budgets, widths, sensitivity curves."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz import run as engine
from pruneviz.allocate import SCOPES, Ranking, allocate, exact_count
from pruneviz.allocate.budget import smallest
from pruneviz.allocate.sensitivity import curves, ratios, ratios_for, tolerated
from pruneviz.analyses.latency_budget import FINAL_RUNS, RUNS, within_milliseconds
from pruneviz.measure.milliseconds import PassTime, Standing
from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject


@dataclass(frozen=True)
class FakeUnits:
    name: str
    shape: tuple[int, ...]
    count: int
    least: int = 1
    places: Mapping[str, int] = field(default_factory=dict)

    @property
    def layers(self):
        return (self.name,)


def problem(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    units = tuple(FakeUnits(f"l{i}", s, int(np.prod(s))) for i, s in enumerate(shapes))
    return units, Ranking({u.name: torch.rand(u.count, generator=generator) for u in units})


def removed(allocation):
    return {name: int((~keep).sum()) for name, keep in allocation.keep.items()}


SHAPES = [(16, 3, 3, 3), (32, 16, 3, 3), (64, 32, 1, 1), (10, 64)]


@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.8, 0.9, 0.97])
def test_erk_gives_densities_in_proportion_to_its_factors(sparsity):
    units, ranking = problem(*SHAPES)
    went = removed(allocate(units, ranking, Plan(scope="erk", sparsity=sparsity)))
    # RigL's own procedure: make layers dense until the others' densities are at most 1
    sizes = {u.name: u.count for u in units}
    factors = {u.name: sum(u.shape) / u.count for u in units}
    dense: set[str] = set()
    while True:
        left = (1 - sparsity) * sum(sizes.values()) - sum(sizes[n] for n in dense)
        rest = [n for n in sizes if n not in dense]
        epsilon = left / sum(factors[n] * sizes[n] for n in rest)
        over = max(rest, key=lambda n: factors[n])
        if epsilon * factors[over] <= 1:
            break
        dense.add(over)
    for name, size in sizes.items():
        density = 1.0 if name in dense else epsilon * factors[name]
        assert abs(size - went[name] - density * size) <= 1
    assert sum(went.values()) == exact_count(sparsity, sum(sizes.values()))


def test_owl_is_its_formula_where_layers_are_of_one_size():
    units, _ = problem((40, 50), (40, 50), (40, 50))
    scores = {u.name: torch.ones(2000) for u in units}
    for name, outliers in zip(scores, (0, 20, 80), strict=True):
        scores[name][:outliers] = 100.0
    scores["l2"][80:] += torch.rand(1920) * 1e-3
    plan = Plan(scope="owl", sparsity=0.6, scope_parameters={"outlier": 5.0, "band": 0.1})
    went = removed(allocate(units, Ranking(scores), plan))
    ratio = np.array([0, 20, 80]) / 2000
    # as in OWL's code: scaled to span 2λ, centred, plus the overall density
    scaled = (ratio - ratio.min()) / (ratio.max() - ratio.min()) * 0.1 * 2
    density = scaled - scaled.mean() + (1 - 0.6)
    assert np.abs(np.array(list(went.values())) / 2000 - (1 - density)).max() <= 1 / 2000
    assert sum(went.values()) == 3600


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("value", [0.0, 0.2, 0.7])
def test_what_scores_below_the_threshold_goes(value, relative):
    units, ranking = problem(*SHAPES)
    plan = Plan(scope="threshold", scope_parameters={"value": value, "relative": relative})
    allocation = allocate(units, ranking, plan)
    for name, scores in ranking.scores.items():
        exact = scores.double()
        limit = value * float(exact.square().mean().sqrt()) if relative else value
        assert torch.equal(allocation.keep[name], scores >= limit)
    went = sum(removed(allocation).values())
    assert allocation.requested == went / sum(u.count for u in units)


def test_relative_to_the_standard_deviation_of_weights_around_zero():
    torch.manual_seed(0)
    weights = torch.randn(5000) * 3
    units = (FakeUnits("a", (50, 100), 5000),)
    plan = Plan(scope="threshold", scope_parameters={"value": 1.0})
    keep = allocate(units, Ranking({"a": weights.abs()}), plan).keep["a"]
    assert int((~keep).sum()) / 5000 == pytest.approx(0.6827, abs=0.02)  # within one σ


@pytest.mark.parametrize("over", ["network", "layer"])
@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.9])
def test_percentiles_are_numpys(over, sparsity):
    units, ranking = problem(*SHAPES)
    plan = Plan(scope="percentile", sparsity=sparsity, scope_parameters={"over": over})
    keep = allocate(units, ranking, plan).keep
    everything = torch.cat(list(ranking.scores.values()))
    for name, scores in ranking.scores.items():
        of = scores if over == "layer" else everything
        below = np.sort(of.numpy())[min(exact_count(sparsity, len(of)), len(of) - 1)]
        assert torch.equal(keep[name], scores >= below)
    count = sum(int((~k).sum()) for k in keep.values())
    assert abs(count - sparsity * len(everything)) <= len(units)


def test_equal_scores_at_the_percentile_stay_together_and_it_is_said():
    units = (FakeUnits("a", (4, 5), 20), FakeUnits("b", (4, 5), 20))
    ranking = Ranking({"a": torch.tensor([0.0] * 5 + [1.0] * 15), "b": torch.full((20,), 1.0)})
    allocation = allocate(units, ranking, Plan(scope="percentile", sparsity=0.5))
    assert removed(allocation) == {"a": 5, "b": 0}
    assert "fewer than the 20 asked for" in str(allocation.notes[0])


def test_percentile_leaves_layers_set_by_hand_out_of_it():
    units, ranking = problem((4, 25), (4, 25), (4, 25))
    plan = Plan(scope="percentile", sparsity=0.5, layers={"l1": 0.1})
    keep = allocate(units, ranking, plan).keep
    both = torch.cat([ranking.scores["l0"], ranking.scores["l2"]])
    limit = both.sort().values[100]
    assert removed(allocate(units, ranking, plan))["l1"] == 10
    assert torch.equal(keep["l0"], ranking.scores["l0"] >= limit)


@pytest.mark.parametrize("by", ["global", "uniform"])
@pytest.mark.parametrize("of", ["parameters", "macs", "bytes"])
@pytest.mark.parametrize("granularity", ["channel", "weight", "kernel"])
def test_a_budget_is_met_by_the_least_and_the_report_counts_the_same(granularity, of, by):
    settings = {"of": of, "left": 0.6, "by": by}
    plan = Plan(granularity=granularity, scope="budget", scope_parameters=settings)
    _, pruned, report = engine.run(plan, latency_runs=3)
    amount = getattr(report, of)
    target = int(0.6 * amount.original)
    assert amount.pruned <= target
    assert f"{amount.pruned:,} of {amount.original:,}" in report.notes[0]
    gone = sum(int((~k).sum()) for k in pruned.keep.values())
    total = sum(len(k) for k in pruned.keep.values())
    less = Plan(granularity=granularity, scope=by, sparsity=(gone - 1) / total)
    _, _, before = engine.run(less, latency_runs=3)
    assert getattr(before, of).pruned > target


@pytest.mark.parametrize(("count", "left", "stay"), [(5, 0.5, 2), (7, 0.6, 4), (3, 0.99, 2)])
@pytest.mark.parametrize("by", ["global", "uniform"])
def test_a_share_between_two_numbers_is_the_lower_one(count, left, stay, by):
    units, ranking = problem((count, 1))
    settings = {"of": "parameters", "left": left, "by": by}
    plan = Plan(scope="budget", scope_parameters=settings)
    allocation = allocate(units, ranking, plan, lambda _, keep: int(keep["l0"].sum()))
    assert int(allocation.keep["l0"].sum()) == stay


def test_a_budget_that_cannot_be_met_says_the_least_and_who_is_in_the_way():
    plan = Plan(scope="budget", scope_parameters={"at_most": 100}, locks={"conv2": "all"})
    subject = load_subject(plan)
    prepared = engine.prepare(subject, plan)
    with pytest.raises(ValueError, match=r"100 MACs cannot be met: at least .* lock of conv2"):
        engine.prune(prepared, plan)
    settings = {"left": 0.0001, "of": "parameters"}
    tiny = plan.changed(scope_parameters=settings, locks={})
    with pytest.raises(ValueError, match="parameters cannot be met") as caught:
        engine.prune(prepared, tiny)
    least = float(str(caught.value).split("ask for ")[1].split()[0])
    fits = tiny.changed(scope_parameters={**settings, "left": least})
    assert all(int(k.sum()) >= 1 for k in engine.prune(prepared, fits).keep.values())


def test_layers_set_by_hand_and_locks_hold_under_a_budget():
    plan = Plan(
        scope="budget", layers={"conv1": 0.25}, locks={"hidden": [0, 1]},
        scope_parameters={"left": 0.4, "of": "macs"},
    )  # fmt: skip
    _, pruned, report = engine.run(plan, latency_runs=3)
    assert int((~pruned.keep["conv1"]).sum()) == 8
    assert bool(pruned.keep["hidden"][:2].all())
    assert report.macs.pruned <= 0.4 * report.macs.original


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(-1, 400))
def test_bisection_finds_what_trying_them_all_finds(drops, target):
    cost = [400 - total for total in itertools.accumulate(drops)]
    found = smallest(cost.__getitem__, target, len(cost) - 1)
    assert found == next((k for k, c in enumerate(cost) if c <= target), None)


def test_a_budget_of_milliseconds_gives_the_smallest_amount_that_is_as_fast():
    plan = Plan(scope="uniform")
    prepared = engine.prepare(load_subject(plan), plan)
    seen = []

    def measure(pruned, passes):  # a network of which every parameter takes as long
        seen.append(passes)
        ms = sum(p.numel() for p in pruned.model.parameters()) / 1e4
        return PassTime(ms, (ms, ms), passes)

    found, taken = within_milliseconds(prepared, plan, 3.0, measure)
    assert taken.against(3.0) is Standing.WITHIN
    assert len(seen) <= 9
    assert seen[:-1] == [RUNS] * len(seen[:-1])
    assert seen[-1] == FINAL_RUNS
    assert measure(engine.prune(prepared, found), FINAL_RUNS) == taken
    less = found.changed(sparsity=found.sparsity - 0.01)
    assert measure(engine.prune(prepared, less), RUNS).median > 3.0
    with pytest.raises(ValueError, match="0 ms cannot be met: with all that can go gone"):
        within_milliseconds(prepared, plan, 0.0, measure)
    with pytest.raises(ValueError, match="decides by itself how much goes"):
        within_milliseconds(prepared, plan.changed(scope="budget"), 3.0)
    _, taken = within_milliseconds(prepared, plan, 1e6)
    assert taken.passes == FINAL_RUNS


AMOUNT = ["layer", "uniform", "global", "erk", "owl"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(2, 70), min_size=1, max_size=5),
    st.sampled_from(AMOUNT),
    st.integers(0, 100),
    st.sampled_from([8, 16]),
    st.booleans(),
)
def test_widths_are_multiples_or_whole_and_as_near_as_they_can_be(
    counts, scope, percent, multiple, lock
):
    units, ranking = problem(*[(n, 1) for n in counts])
    locks = {"l0": [0]} if lock else {}
    plain = Plan(scope=scope, sparsity=percent / 100, locks=locks)
    try:
        free = removed(allocate(units, ranking, plain))
    except ValueError:
        return  # the lock forbids the amount, rounded or not
    plan = plain.changed(scope_parameters={"multiple_of": multiple})
    allocation = allocate(units, ranking, plan)
    went = removed(allocation)
    for u in units:
        kept = u.count - went[u.name]
        assert kept == u.count or (kept % multiple == 0 and kept > 0)
        assert abs(went[u.name] - free[u.name]) < multiple
    small = [u for u in units if u.count - free[u.name] < multiple and free[u.name]]
    if not small:  # else some had to be rounded up
        assert sum(went.values()) >= sum(free.values())
    assert any(f"multiples of {multiple}" in note for note in map(str, allocation.notes))
    assert not lock or bool(allocation.keep["l0"][0])


@pytest.mark.parametrize("scope", SCOPES.names())
def test_a_minimum_width_holds_in_every_scope(scope):
    units, ranking = problem((40, 1), (12, 1), (5, 1))
    ranking.scores["l1"][:] *= 0.01  # what goes first
    extra = {"value": 2.0} if scope == "threshold" else {}
    extra |= {"of": "parameters", "left": 0.6} if scope == "budget" else {}
    plan = Plan(
        scope=scope, sparsity=0.45, scope_parameters={"minimum_width": 8, **extra},
        locks={"l0": [3]} if scope != "layer" else {},
    )  # fmt: skip
    costs = lambda of, keep: sum(int(k.sum()) for k in keep.values())  # noqa: E731
    allocation = allocate(units, ranking, plan, costs)
    went = removed(allocation)
    assert 12 - went["l1"] >= 8
    assert went["l2"] == 0
    if scope in AMOUNT[1:]:
        assert sum(went.values()) == exact_count(0.45, 57)
    if scope == "layer":
        assert any("minimum width" in note for note in map(str, allocation.notes))


def test_a_curve_is_borne_up_to_where_it_first_falls_too_far():
    curve = [(0.0, 0.9), (0.2, 0.9), (0.4, 0.8), (0.6, 0.85), (0.8, 0.3)]
    assert tolerated(curve, 0.0) == pytest.approx(0.2)
    assert tolerated(curve, 0.05) == pytest.approx(0.3)
    assert tolerated(curve, 0.1) == pytest.approx(0.6 + 0.2 * 0.05 / 0.55)
    assert tolerated(curve, 0.7) == 0.8
    with pytest.raises(ValueError, match="begins with the unpruned"):
        tolerated(curve[1:], 0.1)
    with pytest.raises(ValueError, match=r"must be 0 or more, got -0\.1"):
        ratios({"a": curve}, -0.1)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=9), st.floats(0, 0.9), st.floats(0, 0.1))
def test_who_allows_more_loss_loses_no_less(accuracies, loss, more):
    found = curves([("a", (i + 1) / 10, a) for i, a in enumerate(accuracies)], baseline=0.9)
    first, second = ratios(found, loss)["a"], ratios(found, loss + more)["a"]
    assert 0 <= first <= second <= len(accuracies) / 10
    # nowhere up to there does the curve, a straight line between its points, fall further
    levels, values = zip(*found["a"], strict=True)
    reached = np.interp(np.linspace(0, first, 50), levels, values)
    assert reached.min() >= 0.9 - loss - 1e-9


def test_one_allowed_loss_meets_the_whole_amount():
    found = curves(
        [("a", 0.5, 0.9), ("a", 0.9, 0.1), ("b", 0.5, 0.6), ("b", 0.9, 0.2)], baseline=0.9
    )
    shares = ratios_for(found, {"a": 100, "b": 300}, 0.4)
    assert shares["a"] * 100 + shares["b"] * 300 == pytest.approx(160)
    assert shares["a"] > shares["b"]
    with pytest.raises(ValueError, match=r"level 0\.9 of the units go: ask for that"):
        ratios_for(found, {"a": 100, "b": 300}, 0.95)


def test_of_an_error_a_layer_bears_what_it_adds():
    errors = [("a", 0.5, 40.0), ("a", 0.9, 70.0), ("b", 0.5, 55.0), ("b", 0.9, 90.0)]
    found = curves(errors, 38.0, METRICS.get("mae"))
    mirrored = curves([(name, level, -error) for name, level, error in errors], -38.0)
    assert found == mirrored
    assert ratios(found, 2.0) == {"a": 0.5, "b": pytest.approx(0.5 * 2 / 17)}
    shares = ratios_for(found, {"a": 100, "b": 300}, 0.4)  # what is lost is far beyond 1
    assert shares["a"] * 100 + shares["b"] * 300 == pytest.approx(160)
    first, second = (
        np.interp(shares[name], *zip(*curve, strict=True)) for name, curve in found.items()
    )
    assert first == pytest.approx(second), "each bears the same"
