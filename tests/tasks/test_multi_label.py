"""Several labels an input against the formulas, number by number in double precision."""

from __future__ import annotations

import math

import pytest
import torch

from pruneviz.metrics import METRICS
from pruneviz.tasks import TASKS
from pruneviz.wording import misfits

TASK = TASKS.get("multi_label").implementation()
ROWS = [[2.0, -1.0, 0.5], [0.0, -3.0, 3.0], [-2.0, 1.5, -1.0]]
LABELS = [[1, 0, 1], [1, 0, 1], [0, 1, 1]]
Z, Y = torch.tensor(ROWS, dtype=torch.float64), torch.tensor(LABELS)


GAPS = torch.tensor([[1, -1, 1], [math.nan, 0, 1], [0, 1, math.nan]], dtype=torch.float64)
KNOWN = [[0, 2], [1, 2], [0, 1]]  # the labels of each input of which is known whether it is there


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def surprise(z: float, y: float) -> float:
    return -y * math.log(sigmoid(z)) - (1 - y) * math.log(1 - sigmoid(z))


NLL = [sum(map(surprise, row, labels)) for row, labels in zip(ROWS, LABELS, strict=True)]


def test_the_loss_is_the_mean_binary_cross_entropy_of_the_labels():
    expected = [nll / 3 for nll in NLL]
    assert TASK.loss(Z, Y, "none").tolist() == pytest.approx(expected, rel=1e-12)
    assert float(TASK.loss(Z, Y)) == pytest.approx(sum(expected) / 3, rel=1e-12)


def test_labels_between_there_and_not_have_a_loss():
    found = float(TASK.loss(torch.tensor([[0.7]], dtype=torch.float64), torch.tensor([[0.25]])))
    assert found == pytest.approx(surprise(0.7, 0.25), rel=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_student_is_apart_from_its_teacher_label_by_label(temperature):
    student, expected = Z.flip(0) * 1.5, []
    for t, s in zip(ROWS, student.tolist(), strict=True):
        total = 0.0
        for a, b in zip(t, s, strict=True):
            p, q = sigmoid(a / temperature), sigmoid(b / temperature)
            total += p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
        expected.append(total / 3)
    found = TASK.distil(student, Z, temperature, "none").tolist()
    assert found == pytest.approx(expected, rel=1e-10)


def test_what_is_counted_for_each_input():
    z = torch.cat([Z, torch.full((1, 3), math.nan, dtype=torch.float64)])
    y = torch.cat([Y, torch.zeros(1, 3, dtype=torch.long)])
    found = TASK.tally(TASK.answers(z, y), y)
    assert found["right"].tolist() == [True, False, False, False]  # logit 0 is no yes
    assert found["nll"][:3].tolist() == pytest.approx([nll / 3 for nll in NLL], rel=1e-12)
    mean = METRICS.get("loss").combine(TASK.tally(TASK.answers(Z, Y), Y))
    assert mean == pytest.approx(float(TASK.loss(Z, Y)), rel=1e-12)
    assert torch.equal(found["target"], y)
    assert torch.equal(found["logits"][:3], Z)


def test_what_can_be_explained_is_what_speaks_for_the_labels_that_are_there():
    there, *labels = TASK.explained(Z, Y)
    assert there.of(Z).tolist() == [2.5, 3.0, 0.5]
    assert [each.of(Z).tolist() for each in labels] == Z.T.tolist()


def test_a_fair_split_divides_each_set_of_labels():
    first, second, third = TASK.strata(Y).tolist()
    assert first == second != third


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (Z, Y, None),
        (Z[0], Y, misfits.answers_otherwise((3,), "(inputs, labels)")),
        (Z, Y[:, 0], misfits.targets_otherwise((), "3 numbers")),
        (Z, Y[:, :2], misfits.targets_otherwise((2,), "3 numbers")),
        (Z, Y + 1, misfits.not_between_0_and_1(1.0, 2.0)),
        (Z, Y.double() / 0, misfits.not_between_0_and_1(math.inf, math.inf)),
        (Z, torch.full((3, 3), math.nan), misfits.no_label_known(3, 3)),
        (Z, torch.tensor([[-1, -1, -1], [0, -1, 1], [1, 1, 1]]), misfits.no_label_known(1, 3)),
        (Z, GAPS, None),
    ],
)
def test_outputs_and_labels_of_another_task_are_told(output, target, expected):
    assert str(TASK.misfit(output, target)) == str(expected)


def test_nothing_is_asked_of_a_label_that_nobody_knows():
    each = zip(ROWS, GAPS.tolist(), KNOWN, strict=True)
    expected = [sum(surprise(z[k], y[k]) for k in known) / 2 for z, y, known in each]
    assert TASK.loss(Z, GAPS, "none").tolist() == pytest.approx(expected, rel=1e-12)
    z = Z.clone().requires_grad_()
    TASK.loss(z, GAPS).backward()
    assert [row.nonzero()[:, 0].tolist() for row in z.grad] == KNOWN
    found = TASK.tally(Z, GAPS)
    assert found["right"].tolist() == [True, True, True]
    assert found["target"].tolist() == [[1, -1, 1], [-1, 0, 1], [0, 1, -1]]
    assert not any(column.isnan().any() for column in found.values())
    assert TASK.tally(-Z, GAPS)["right"].tolist() == [False, False, False]
    moved = Z + torch.where(GAPS.isnan() | (GAPS == -1), 3.0, 0.0)
    assert TASK.distil(moved, Z, target=GAPS).item() == 0 < TASK.distil(moved, Z).item()
    assert TASK.explained(Z, GAPS)[0].of(Z).tolist() == [2.5, 3.0, 1.5]


def test_sets_of_labels_that_occur_once_are_divided_together():
    rows = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1], [0, 0]])
    first, *alone, last = TASK.strata(rows).tolist()
    assert first == last
    assert len({*alone}) == 1 == len({*alone} - {first})
    gap = torch.tensor([[math.nan, 0.0], [math.nan, 0.0], [1.0, 0.0]])
    assert TASK.strata(gap).tolist()[:2] == TASK.strata(gap).tolist()[1::-1]
