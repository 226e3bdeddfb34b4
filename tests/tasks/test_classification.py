"""Classification against its formulas, number by number in double precision."""

from __future__ import annotations

import math

import pytest
import torch

from pruneviz.tasks import CLASSIFICATION
from pruneviz.wording import misfits

ROWS = [[2.0, -1.0, 0.5], [0.0, 0.0, 3.0], [-2.0, 1.5, 1.0], [0.3, 0.2, 0.1]]
LABELS = [0, 1, 1, 2]
Z, Y = torch.tensor(ROWS, dtype=torch.float64), torch.tensor(LABELS)


def probabilities(row: list[float], temperature: float = 1.0) -> list[float]:
    powers = [math.exp(z / temperature) for z in row]
    return [each / sum(powers) for each in powers]


NLL = [-math.log(probabilities(row)[y]) for row, y in zip(ROWS, LABELS, strict=True)]


def test_the_loss_is_the_negative_logarithm_of_the_label_s_probability():
    assert CLASSIFICATION.loss(Z, Y, "none").tolist() == pytest.approx(NLL, rel=1e-12)
    assert float(CLASSIFICATION.loss(Z, Y, "sum")) == pytest.approx(sum(NLL), rel=1e-12)
    assert float(CLASSIFICATION.loss(Z, Y)) == pytest.approx(sum(NLL) / 4, rel=1e-12)


def test_whole_numbers_have_a_loss():
    scores = torch.tensor([[1, 0], [0, 3]])
    expected = (-math.log(probabilities([1, 0])[1]) - math.log(probabilities([0, 3])[1])) / 2
    found = CLASSIFICATION.loss(scores, torch.tensor([1, 1]))
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_its_gradient_is_the_probability_less_1_at_the_label():
    z = Z.clone().requires_grad_()
    (found,) = torch.autograd.grad(CLASSIFICATION.loss(z, Y, "sum"), [z])
    expected = [
        p - (k == y)
        for row, y in zip(ROWS, LABELS, strict=True)
        for k, p in enumerate(probabilities(row))
    ]
    assert found.flatten().tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_student_is_apart_from_its_teacher_by_the_divergence_of_softened_probabilities(
    temperature,
):
    student, expected = Z.flip(0) * 1.5, []
    for t, s in zip(ROWS, student.tolist(), strict=True):
        pairs = zip(probabilities(t, temperature), probabilities(s, temperature), strict=True)
        expected.append(sum(p * math.log(p / q) for p, q in pairs))
    each = CLASSIFICATION.distil(student, Z, temperature, "none")
    assert each.tolist() == pytest.approx(expected, rel=1e-12)
    mean = float(CLASSIFICATION.distil(student, Z, temperature))
    assert mean == pytest.approx(sum(expected) / 4, rel=1e-12)


def test_what_is_counted_for_each_input():
    z = torch.cat([Z, torch.full((1, 3), math.nan, dtype=torch.float64)])
    y = torch.tensor([*LABELS, 0])
    found = CLASSIFICATION.tally(CLASSIFICATION.answers(z.float(), y), y)
    assert found["right"].tolist() == [True, False, True, False, False]
    assert found["nll"][:4].tolist() == pytest.approx(NLL, rel=1e-6)
    assert torch.equal(found["target"], y)
    assert torch.equal(found["logits"][:4], Z.float())


def test_what_can_be_explained_is_the_label_s_own_logit_and_each_class_s():
    label, *classes = CLASSIFICATION.explained(Z, Y)
    assert label.of(Z).tolist() == [2.0, 0.0, 1.5, 0.1]
    assert [each.name for each in classes] == ["class 0", "class 1", "class 2"]
    assert classes[2].of(Z[:2]).tolist() == [0.5, 3.0]
    assert [each.name for each in CLASSIFICATION.explained(Z)] == [each.name for each in classes]


def test_a_fair_split_divides_each_class():
    assert CLASSIFICATION.strata(Y).tolist() == LABELS


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (Z, Y, None),
        (Z[:1], Y, None),
        (Z[0], Y, misfits.answers_otherwise((3,), "(inputs, classes)")),
        ({"logits": Z}, Y, misfits.answers_otherwise("dict", "(inputs, classes)")),
        (Z.to(torch.complex64), Y, misfits.answers_otherwise((4, 3), "(inputs, classes)")),
        (Z, Y + 1, misfits.labels_beyond_outputs(1, 3, 3)),
        (Z, Y - 1, misfits.labels_beyond_outputs(-1, 1, 3)),
        (Z, Y.double(), misfits.no_whole_numbers()),
        (Z, Y[:, None], misfits.targets_otherwise((1,), "one label")),
    ],
)
def test_outputs_and_labels_of_another_task_are_told(output, target, expected):
    assert CLASSIFICATION.misfit(output, target) == expected
