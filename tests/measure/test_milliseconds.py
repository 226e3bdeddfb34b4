"""A goal of milliseconds is reached only where the interval of a measured time says so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.analyses.latency_budget import FINAL_RUNS, STEPS, surely_within
from pruneviz.measure.latency import Timings
from pruneviz.measure.milliseconds import PassTime, Standing, pass_time
from pruneviz.measure.speed import AGAIN, FEWEST_PASSES, STAYS_DENSE

TRIALS = 300
MOST_WRONG = 0.05 + 4 * (0.05 * 0.95 / TRIALS) ** 0.5  # of what 95 % intervals say
TIMES = st.floats(0.001, 1e4)


@given(st.tuples(TIMES, TIMES, TIMES), TIMES, st.integers(0, 200), st.booleans())
def test_a_goal_is_reached_or_missed_only_where_the_interval_says_so(three, goal, passes, dense):
    low, median, high = sorted(three)
    time = PassTime(median, (low, high), passes)
    said, standing = time.against_goal(goal, dense=dense), time.against(goal)
    decided = passes >= FEWEST_PASSES and (high <= goal or low > goal)
    assert (standing is Standing.UNDECIDED) is not decided
    assert (standing is Standing.WITHIN) is (decided and high <= goal)
    assert ("measure again" in said) is not decided
    assert (" within the goal" in said and "whether" not in said) is (standing is Standing.WITHIN)
    assert (" more than the goal" in said) is (standing is Standing.BEYOND)
    assert said.endswith(STAYS_DENSE) is dense
    assert " ms" in said


@pytest.mark.parametrize(
    ("time", "goal", "said"),
    [
        (PassTime(0.3, (0.29, 0.312), 30), 0.4,
         "0.300 ms (0.290 to 0.312), within the goal of 0.400 ms"),
        (PassTime(0.3, (0.29, 0.312), 30), 0.2,
         "0.300 ms (0.290 to 0.312), 0.100 ms more than the goal of 0.200 ms"),
        (PassTime(0.3, (0.29, 0.312), 30), 0.3,
         "0.300 ms (0.290 to 0.312); whether it is within the goal of 0.300 ms cannot be decided: "
         "measure again"),
        (PassTime(0.3, (0.2, 0.5), 30), 0.3,
         f"{AGAIN}; the goal of 0.300 ms cannot be decided yet"),
        (PassTime(0.3, (0.3, 0.3), 3), 9.0,
         f"{AGAIN}; the goal of 9.00 ms cannot be decided yet"),
    ],
)  # fmt: skip
def test_one_wording(time: PassTime, goal: float, said: str):
    assert time.against_goal(goal) == said
    assert time.in_words() == (said.split(", ")[0].split(";")[0] if time.is_narrow else AGAIN)


def load(rng: np.random.Generator, kind: str, turns: int) -> np.ndarray:
    """Return how much slower the machine is in each turn, (turns,): three-fold while busy."""
    if kind == "idle":
        return np.ones(turns)
    if kind == "busy now and then":
        return np.where(rng.random(turns) < 0.2, 3.0, 1.0)
    return np.repeat(np.where(rng.random(turns) < 0.4, 3.0, 1.0), turns // 4)[:turns]


def noise(rng: np.random.Generator, turns: int) -> np.ndarray:
    return np.exp(rng.gamma(2, 0.02, turns))


LOADS = ["idle", "busy now and then", "busy in stretches"]


@pytest.mark.parametrize("kind", LOADS)
@pytest.mark.parametrize("turns", [30, 100])
@pytest.mark.parametrize("apart", [False, True], ids=["in turns", "at two moments"])
def test_one_network_timed_twice_does_not_reach_a_goal_and_miss_it(kind, turns, apart):
    rng, parted = np.random.default_rng(turns), 0
    for _ in range(TRIALS):
        busy = load(rng, kind, turns)
        other = load(rng, kind, turns) if apart else busy
        pair = Timings(busy * noise(rng, turns), other * noise(rng, turns), 1, 1).summary()
        (low, high), (lower, higher) = pair.original.median_interval, pair.pruned.median_interval
        parted += high < lower or higher < low  # a goal between them parts the two
    assert parted / TRIALS < MOST_WRONG


@pytest.mark.parametrize("kind", ["idle", "busy now and then"])
def test_what_is_taken_for_a_goal_is_fast_enough_or_said_to_be_undecided(kind: str):
    rng, wrong, reached, trials = np.random.default_rng(0), 0, 0, 90
    middle = float(np.median(load(rng, kind, 200_000) * noise(rng, 200_000)))

    def true(place: int) -> float:
        return (1 - 0.8 * place / STEPS) * middle

    def time_at(place: int) -> PassTime:
        ms = true(place) / middle * load(rng, kind, FINAL_RUNS) * noise(rng, FINAL_RUNS)
        return pass_time(Timings(ms, ms, 1, 1).summary().pruned)

    for first in range(trials):  # at which a short measurement was within by chance
        goal = true(first) * 0.995
        place, taken = surely_within(time_at, goal, first)
        if taken.against(goal) is Standing.WITHIN:
            reached += 1
            wrong += true(place) > goal
    assert wrong / trials < MOST_WRONG
    assert reached / trials > 0.9


def test_what_is_not_measured_well_enough_is_measured_again_and_not_pruned_more():
    places: list[int] = []

    def time_at(place: int) -> PassTime:
        places.append(place)
        return PassTime(1.0, (0.5, 2.0) if len(places) < 3 else (0.98, 1.02), FINAL_RUNS)

    assert surely_within(time_at, 1.1, 40) == (40, PassTime(1.0, (0.98, 1.02), FINAL_RUNS))
    assert places == [40] * 3


def test_where_nothing_decides_the_last_time_says_so():
    noisy = PassTime(1.0, (0.9, 1.1), FINAL_RUNS)
    place, taken = surely_within(lambda place: noisy, 1.0, 40)
    assert place > 40
    assert "cannot be decided" in taken.against_goal(1.0)
    slow = PassTime(2.0, (1.9, 2.1), FINAL_RUNS)
    assert surely_within(lambda place: slow, 1.0, STEPS) == (STEPS, slow)
