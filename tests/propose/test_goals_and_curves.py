"""Goals refuse what cannot be; curves rise; the marginal way is the best by brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.propose import GOALS, Goal
from pruneviz.propose.curves import Curve, monotone
from pruneviz.propose.layers import shortest
from pruneviz.propose.paths import paths

PLACES = 4


@pytest.mark.parametrize(
    ("kind", "value"),
    [("macs", 0), ("macs", 1.5), ("parameters", -1), ("megabytes", 0), ("milliseconds", math.nan),
     ("accuracy_points", -0.1), ("accuracy_points", 100), ("nope", 1), ("macs", True)],
)  # fmt: skip
def test_what_cannot_be_a_goal_is_said_in_a_sentence(kind, value):
    with pytest.raises(ValueError, match="got") as refused:
        Goal(kind, value)
    assert "\n" not in str(refused.value)


@given(st.sampled_from(list(GOALS)), st.floats(0.001, 1), st.sampled_from(["parameters", "macs"]))
def test_goals_come_back_from_settings_and_links(kind, value, save):
    value = float(f"{value:.4g}")
    goal = Goal(kind, value, save)
    assert Goal.of(goal.settings()) == goal
    assert Goal.parse(goal.text()) == goal


@pytest.mark.parametrize(
    ("goal", "wish"),
    [
        (Goal("accuracy_points", 1), "lose at most 1 point"),
        (Goal("accuracy_points", 2.5, "macs"), "lose at most 2.5 points and save MACs"),
        (Goal("megabytes", 15), "fit into 15 MB"),
        (Goal("macs", 0.25), "keep at most 25 % of the MACs"),
        (Goal("parameters", 0.5), "keep at most 50 % of the parameters"),
        (Goal("milliseconds", 20), "answer within 20 ms"),
    ],
)
def test_a_goal_is_said_as_a_wish(goal, wish):
    assert goal.wish == wish


@pytest.mark.parametrize("settings", [{}, {"goal": "macs"}, {"goal": "macs", "value": 1, "x": 2}])
def test_settings_without_a_goal_are_refused(settings):
    with pytest.raises(ValueError, match="give goal and value"):
        Goal.of(settings)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9))
def test_monotone_values_rise_are_nearest_and_stay_what_they_are(values):
    found = monotone(values)
    assert (np.diff(found) >= -1e-12).all()
    assert (found >= 0).all()
    np.testing.assert_allclose(monotone(found), found, atol=1e-12)
    distance = np.square(found - values).sum()
    for other in itertools.pairwise([0.0, 0.25, 0.5, 1.0]):  # no rising pair of steps is nearer
        for place in range(len(values) + 1):
            step = np.asarray([other[0]] * place + [other[1]] * (len(values) - place))
            assert distance <= np.square(step - values).sum() + 1e-9


rising = st.lists(st.integers(0, 20), min_size=PLACES, max_size=PLACES).map(sorted)


def curve(name, losses, unit):
    levels = np.arange(PLACES + 1) / PLACES
    loss = np.asarray([0, *losses], dtype=float)
    return Curve(name, PLACES, tuple(range(1, PLACES + 1)), levels, loss, loss, unit * levels)


@given(
    st.lists(rising, min_size=3, max_size=3), st.lists(st.integers(1, 9), min_size=3, max_size=3)
)
def test_marginal_ratios_are_the_best_of_all_combinations(losses, units):
    """Lagrange: where all layers stand on their hulls, nothing that saves as much loses less."""
    curves = {
        f"l{i}": curve(f"l{i}", *each) for i, each in enumerate(zip(losses, units, strict=True))
    }
    marginal = next(path for path in paths(curves) if path.family == "marginal")
    corners = {
        name: {0, *(round(end * PLACES) for end, _ in each.hull())} for name, each in curves.items()
    }
    combinations = [
        (sum(c.saved[k] for c, k in zip(curves.values(), places, strict=True)),
         sum(c.loss[k] for c, k in zip(curves.values(), places, strict=True)))
        for places in itertools.product(range(PLACES + 1), repeat=3)
    ]  # fmt: skip
    reached = 0
    for taken in range(len(marginal) + 1):
        counts = marginal.counts(taken)
        if any(counts.get(name, 0) not in corners[name] for name in curves):
            continue
        reached += 1
        saved = sum(c.saved[counts.get(name, 0)] for name, c in curves.items())
        loss = sum(c.loss[counts.get(name, 0)] for name, c in curves.items())
        assert loss <= min(less for more, less in combinations if more >= saved - 1e-9) + 1e-9
    assert reached >= 2


@given(st.lists(rising, min_size=2, max_size=3))
def test_each_way_takes_every_step_once_and_in_order(losses):
    curves = {f"l{i}": curve(f"l{i}", each, 1) for i, each in enumerate(losses)}
    for path in paths(curves):
        assert sorted(path.steps) == sorted((n, s) for n, c in curves.items() for s in c.stops)
        for name in curves:
            stops = [stop for layer, stop in path.steps if layer == name]
            assert stops == sorted(stops)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_count_is_written_as_a_fraction_that_means_it(both):
    from pruneviz.allocate import exact_count

    assert exact_count(shortest(*both), both[1]) == both[0]
