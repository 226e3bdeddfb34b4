"""Where a plan stands beside a goal, in words and as a part of the budget."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest

from pruneviz.figures import proposed
from pruneviz.figures.kit import format as fmt
from pruneviz.measure.speed import AGAIN, STAYS_DENSE
from pruneviz.plan import Plan
from pruneviz.propose import GOALS, Goal
from pruneviz.report import Amount, Latency, Uncounted


def latency(median: float, runs: int = 30) -> Latency:
    spread = 0.96 * median, 1.04 * median
    return Latency(median=median, p95=median, p99=median, median_interval=spread, runs=runs)


def report(
    change: float = 0.0, granularity: str = "channel", passes: int = 30, metric: str = "accuracy"
) -> SimpleNamespace:
    return SimpleNamespace(
        plan=Plan(granularity=granularity),
        sparsity=SimpleNamespace(removed=5),
        uncounted=Uncounted(),
        quality=(pair := SimpleNamespace(metric=metric, settings={}, change=change, original=0.8),),
        primary=pair,
        parameters=Amount(original=100, pruned=50),
        macs=Amount(original=100, pruned=100),
        bytes=Amount(original=4_000_000, pruned=3_000_000),
        latency_ms=SimpleNamespace(original=latency(0.5, passes), pruned=latency(0.3, passes)),
    )


@pytest.mark.parametrize(
    ("goal", "change", "part", "line"),
    [
        (Goal("accuracy_points", 1), 0.0, 0.0, "0.0 points lost, within the goal of 1.0 point"),
        (Goal("accuracy_points", 1), 0.05, 0.0, "0.0 points lost, within the goal of 1.0 point"),
        (Goal("accuracy_points", 1), -0.01, 1.0, "1.0 point lost, within the goal of 1.0 point"),
        (Goal("accuracy_points", 1), -0.618, 61.8,
         "61.8 points lost, 60.8 points more than the goal of 1.0 point"),
        (Goal("parameters", 0.4), 0.0, 1.25,
         "50.0 % of the parameters left, 10.0 points more than the goal of 40.0 %"),
        (Goal("parameters", 0.5), 0.0, 1.0,
         "50.0 % of the parameters left, within the goal of 50.0 %"),
        (Goal("megabytes", 2), 0.0, 1.5, "3.0 MB, 1.0 MB more than the goal of 2.0 MB"),
        (Goal("milliseconds", 0.2), 0.0, 1.5,
         "0.300 ms (0.288 to 0.312), 0.100 ms more than the goal of 0.200 ms"),
        (Goal("milliseconds", 0.4), 0.0, 0.75,
         "0.300 ms (0.288 to 0.312), within the goal of 0.400 ms"),
        (Goal("milliseconds", 0.3), 0.0, 1.04,
         "0.300 ms (0.288 to 0.312); whether it is within the goal of 0.300 ms cannot be decided: "
         "measure again"),
    ],
)  # fmt: skip
def test_how_a_plan_stands(goal: Goal, change: float, part: float, line: str) -> None:
    found, said = proposed.standing(goal, report(change))
    assert found == pytest.approx(part)
    assert said == line


def test_the_first_goal_of_a_kind_is_less_than_the_original_has() -> None:
    original = {"megabytes": 4.0, "milliseconds": 0.5, "macs": 1.0, "parameters": 1.0}
    for kind, most in original.items():
        assert proposed.usual(kind, report()).value < most
    assert proposed.usual("milliseconds", report()).value == 0.4, "a small network spends the rest"
    untimed = proposed.usual("milliseconds", report(passes=0))
    assert untimed.value == GOALS["milliseconds"].usual


def test_beside_the_time_of_a_masked_network_it_is_said_that_its_arithmetic_stays_dense():
    goal = Goal("milliseconds", 0.4)
    assert proposed.standing(goal, report(granularity="weight"))[1].endswith(f"; {STAYS_DENSE}")
    assert STAYS_DENSE not in proposed.standing(goal, report())[1]


def test_few_passes_fill_no_bar_and_reach_nothing():
    share, line = proposed.standing(Goal("milliseconds", 0.4), report(passes=19))
    assert share == 0
    assert line.startswith(AGAIN)


@pytest.mark.parametrize(
    ("points", "shown"),
    [(0.0, "0.0 points"), (-0.0, "0.0 points"), (0.01, "< 0.1 points"), (1.0, "1.0 point"),
     (1.169, "1.2 points")],
)  # fmt: skip
def test_lost_points_have_one_decimal_and_are_nothing_only_when_they_are(
    points: float, shown: str
) -> None:
    assert fmt.points_lost(points) == shown


def test_a_little_too_much_and_far_too_much_end_at_different_places_of_the_bar() -> None:
    shares = [0.0, 0.5, 1.0, 1.3, 2.0, 5.0, 20.0, 61.6]
    places = [proposed.place(share) for share in shares]
    assert min(after - before for before, after in pairwise(places)) > 0.03
    assert places[0] == 0.0
    assert proposed.place(float("inf")) == 1.0
    assert proposed.marks()[0] == (proposed.place(1.0), "goal")
    assert [name for _, name in proposed.marks()[1:3]] == ["2×", "4×"]
