"""Schedules are their formulas; rounds lose what their schedule says, and end exactly."""

from __future__ import annotations

import math

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from pruneviz.recovery import RECOVERIES, SCHEDULES
from pruneviz.recovery.rounds import shares
from pruneviz.recovery.training.optimisers import cosine, one_cycle


def test_formulas():
    assert SCHEDULES.get("one_shot").implementation() == (1.0,)
    assert SCHEDULES.get("linear").implementation(rounds=4) == (0.25, 0.5, 0.75, 1.0)
    assert SCHEDULES.get("cubic").implementation(rounds=2) == (0.875, 1.0)
    assert SCHEDULES.get("cubic").implementation(rounds=4) == pytest.approx(
        (1 - 0.75**3, 1 - 0.5**3, 1 - 0.25**3, 1.0)
    )


@pytest.mark.parametrize("name", [s.name for s in SCHEDULES if s.parameters])
@pytest.mark.parametrize("rounds", [1, 2, 3, 7, 49, 1000])
def test_every_schedule_rises_to_exactly_one(name, rounds):
    fractions = SCHEDULES.get(name).implementation(rounds=rounds)
    assert len(fractions) == rounds
    assert list(fractions) == sorted(set(fractions))
    assert fractions[0] > 0
    assert fractions[-1] == 1.0


def test_epochs_are_shared_whole_and_the_last_round_gets_most():
    assert shares(10, 1) == (10,)
    assert shares(10, 3) == (1, 1, 8)
    assert shares(5, 2) == (1, 4)
    assert shares(30, 3) == (5, 5, 20)
    assert shares(5, 3) == (1, 1, 3)
    assert shares(3, 3) == (1, 1, 1)
    with pytest.raises(ValueError, match="2 epochs cannot be shared by 3 rounds"):
        shares(2, 3)


@pytest.mark.parametrize("steps", [2, 3, 7, 10, 185])
def test_learning_rates_are_torchs_own(steps):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    cycle = OneCycleLR(optimiser, 1.0, steps, cycle_momentum=False)
    for step in range(steps):
        assert one_cycle(step, steps) == pytest.approx(cycle.get_last_lr()[0], abs=1e-9)
        assert cosine(step, steps) == pytest.approx((1 + math.cos(math.pi * step / steps)) / 2)
        optimiser.step()
        if step < steps - 1:
            cycle.step()


@pytest.mark.parametrize("entry", list(RECOVERIES), ids=lambda e: e.name)
def test_every_recovery_says_what_it_is_and_counts_its_steps(entry, digits):
    assert entry.sentence.endswith(".")
    assert "arXiv" in entry.source
    settings = entry.settings({})
    assert entry.implementation.steps(digits.model, digits.data, **settings) > 0
