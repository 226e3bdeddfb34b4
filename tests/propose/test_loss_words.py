"""Losses in a proposal's sentences have one decimal, and never round to what they exceed."""

from __future__ import annotations

import pytest

from pruneviz.propose.binding import points
from pruneviz.propose.by_accuracy import _above


@pytest.mark.parametrize(
    ("lost", "shown"),
    [(0.01169, "1.2 points"), (0.01, "1 point"), (0.0001, "< 0.1 points"), (0.0, "0 points")],
)
def test_points_have_one_decimal(lost: float, shown: str) -> None:
    assert points(lost) == shown


def test_a_loss_above_the_goal_never_reads_as_the_goal() -> None:
    assert _above(0.01003, 1.0) == "a little more than 1 point"
    assert _above(0.01169, 1.0) == "1.2 points"
