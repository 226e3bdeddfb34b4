"""Numbers for each input against the formulas, in double precision."""

from __future__ import annotations

import math

import pytest
import torch

from pruneviz.tasks import TASKS
from pruneviz.wording import misfits

TASK = TASKS.get("regression").implementation()
ONE, TARGET = torch.tensor([1.5, -2.0, 0.25]), torch.tensor([1.0, 2.0, 0.25])
TWO = torch.tensor([[1.0, 2.0], [3.0, -4.0]], dtype=torch.float64)
TARGETS = torch.tensor([[0.0, 2.5], [3.0, -2.0]], dtype=torch.float64)


@pytest.mark.parametrize("output", [ONE, ONE[:, None]])
@pytest.mark.parametrize("target", [TARGET, TARGET[:, None]])
def test_one_number_an_input_is_compared_with_its_own_target(output, target):
    assert TASK.misfit(output, target) is None
    assert TASK.loss(output, target, "none").tolist() == [0.25, 16.0, 0.0]
    assert float(TASK.loss(output, target)) == pytest.approx(16.25 / 3)
    found = TASK.tally(TASK.answers(output, target), target)
    assert found["error"].tolist() == [0.5, -4.0, 0.0]
    assert found["target"].tolist() == [1.0, 2.0, 0.25]
    assert found["error"].dtype == torch.float64


def test_of_several_numbers_the_loss_is_their_mean_squared_error():
    assert TASK.loss(TWO, TARGETS, "none").tolist() == [0.625, 2.0]
    assert float(TASK.loss(TWO, TARGETS, "sum")) == 2.625
    assert TASK.tally(TWO, TARGETS)["error"].tolist() == [[1.0, -0.5], [0.0, -2.0]]


def test_whole_targets_are_numbers():
    assert TASK.loss(ONE, torch.tensor([1, 2, 0]), "none").tolist() == [0.25, 16.0, 0.0625]


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_a_student_is_apart_from_its_teacher_by_the_squared_distance(temperature):
    found = TASK.distil(TWO, TARGETS, temperature, "none")
    assert (found * temperature**2).tolist() == [0.625, 2.0]


def test_what_can_be_explained_is_each_number():
    every, *numbers = TASK.explained(TWO, TARGETS)
    assert every.of(TWO).tolist() == [3.0, -1.0]
    assert [each.of(TWO).tolist() for each in numbers] == [[1.0, 3.0], [2.0, -4.0]]
    (alone,) = TASK.explained(ONE)
    assert alone.of(ONE).tolist() == ONE.tolist()


def test_a_fair_split_divides_each_tenth_of_the_targets():
    target = torch.arange(200.0).flip(0)
    strata = TASK.strata(target)
    assert torch.bincount(strata).tolist() == [20] * 10
    assert bool((strata.diff() <= 0).all())
    assert TASK.strata(torch.ones(7)).unique().tolist() == [0]


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (TWO, TARGETS, None),
        (TWO[:, :, None], TARGETS, misfits.answers_otherwise((2, 2, 1), "(inputs, numbers)")),
        (TWO, TARGET, misfits.targets_otherwise((1,), "2 numbers")),
        (ONE, TARGETS, misfits.targets_otherwise((2,), "1 number")),
        (ONE, TARGET / 0, misfits.targets_not_finite()),
        (ONE, TARGET * math.nan, misfits.targets_not_finite()),
    ],
)
def test_outputs_and_targets_of_another_task_are_told(output, target, expected):
    assert TASK.misfit(output, target) == expected


def test_a_network_of_half_precision_is_judged_in_single():
    given = torch.tensor([[1000.0]], dtype=torch.bfloat16)
    assert float(TASK.loss(given, torch.tensor([1002.0]))) == 4.0
    assert float(TASK.loss(torch.zeros(1, 1, dtype=torch.float16), torch.tensor([300.0]))) == 9e4
    assert float(TASK.loss(torch.tensor([[3]]), torch.tensor([1.0]))) == 4.0
