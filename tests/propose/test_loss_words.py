"""Losses in a proposal's sentences never round to what they exceed, whatever they are of."""

from __future__ import annotations

from math import inf

import pytest

from pruneviz.metrics import METRICS
from pruneviz.propose import losses

ACCURACY = METRICS.get("accuracy")


@pytest.mark.parametrize(
    ("lost", "shown"),
    [(0.01169, "1.2 points"), (0.01, "1 point"), (0.0001, "< 0.1 points"), (0.0, "0 points")],
)
def test_points_have_one_decimal(lost: float, shown: str) -> None:
    assert losses.amount(ACCURACY, lost) == shown


@pytest.mark.parametrize(
    ("metric", "lost", "shown"),
    [("mae", 2.2, "2.2"), ("mae", 0.0001, "< 0.001"), ("mae", 2180.4, "2180"), ("mae", 0.0, "0"),
     ("average_precision", 0.02, "0.02"), ("loss", 0.3, "0.3 nats"), ("f1", 0.01, "1 point"),
     ("mse", inf, "infinitely much")],
)  # fmt: skip
def test_an_amount_has_its_metric_s_unit(metric: str, lost: float, shown: str) -> None:
    assert losses.amount(METRICS.get(metric), lost) == shown


def test_a_loss_above_the_goal_never_reads_as_the_goal() -> None:
    assert losses.above(ACCURACY, 0.01003, 0.01) == "a little more than 1 point"
    assert losses.above(ACCURACY, 0.01169, 0.01) == "1.2 points"
    mae = METRICS.get("mae")
    assert losses.above(mae, 2.2001, 2.2) == "a little more than 2.2"
    assert losses.above(mae, 2.3, 2.2) == "2.3"
    assert losses.above(mae, inf, 2.2) == "infinitely much"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_what_is_better_high_is_lost_and_what_is_better_low_is_added(metric) -> None:
    much = losses.amount(metric, 0.25)
    said = [losses.lost(metric, much), losses.costs(metric, 0.25), losses.does(metric)]
    assert all(much in each for each in said[:2])
    assert (metric.noun in said[0]) == (metric.name != "accuracy")
    if metric.better == "lower":
        assert said == [f"{much} added to {metric.noun}", f"adds {much} to {metric.noun}", "adds"]
    else:
        assert said[0].endswith(" lost")
        assert said[2] == "loses"
