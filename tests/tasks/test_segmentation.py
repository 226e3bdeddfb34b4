"""One label a pixel against counting by hand, pixel by pixel in double precision."""

from __future__ import annotations

import math

import pytest
import torch

from pruneviz.tasks import IGNORED, TASKS
from pruneviz.wording import misfits

TASK = TASKS.get("segmentation").implementation()
DRAWN = torch.Generator().manual_seed(0)
Z = torch.randn(3, 4, 2, 5, generator=DRAWN, dtype=torch.float64)  # 3 images, 4 classes
Y = torch.randint(0, 3, (3, 2, 5), generator=DRAWN)  # the last class is nowhere
Y[0, 0, :3] = IGNORED
Y[2] = IGNORED


def pixels(image: int):
    """Yield each labelled pixel's logits and label."""
    for row in range(2):
        for column in range(5):
            label = int(Y[image, row, column])
            if label != IGNORED:
                yield Z[image, :, row, column].tolist(), label


def surprise(logits: list[float], label: int) -> float:
    return math.log(sum(math.exp(z - logits[label]) for z in logits))


NLL = [sum(surprise(*each) for each in pixels(image)) for image in range(3)]
COUNTS = [sum(1 for _ in pixels(image)) for image in range(3)]


def test_the_loss_is_the_mean_cross_entropy_of_an_image_s_labelled_pixels():
    assert COUNTS == [7, 10, 0]
    expected = [NLL[0] / 7, NLL[1] / 10, 0.0]
    assert TASK.loss(Z, Y, "none").tolist() == pytest.approx(expected, rel=1e-12)
    assert float(TASK.loss({"out": Z, "aux": -Z}, Y)) == pytest.approx(sum(expected) / 3)


def test_intersections_and_unions_are_counted_by_class():
    found = TASK.tally(TASK.answers(Z, Y), Y)
    for image in range(3):
        each = [(max(range(4), key=z.__getitem__), y) for z, y in pixels(image)]
        for label in range(4):
            both = sum(a == y == label for a, y in each)
            either = sum(label in pair for pair in each)
            assert int(found["intersections"][image, label]) == both
            assert int(found["unions"][image, label]) == either
        assert int(found["correct"][image]) == sum(a == y for a, y in each)
    assert found["pixels"].tolist() == COUNTS
    assert found["nll"].tolist() == pytest.approx(NLL, rel=1e-12)


def test_a_pixel_whose_logits_are_no_number_is_answered_by_no_class():
    z = Z.clone()
    z[1, 2, 0, 0] = math.nan
    answers = TASK.answers(z, Y)
    assert int(answers["map"][1, 0, 0]) == -1
    assert int(answers["answered"][1].sum()) == 9
    assert int(answers["labelled"][1].sum()) == 10


def test_what_is_kept_does_not_grow_with_classes_times_pixels():
    kept = TASK.answers(torch.randn(2, 50, 8, 8), torch.zeros(2, 8, 8, dtype=torch.long))
    assert sum(each.nelement() for each in kept.values()) <= 2 * (8 * 8 + 3 * 50 + 1)


def test_a_student_is_apart_from_its_teacher_pixel_by_pixel():
    student, total = Z.flip(0), 0.0
    for image in range(3):
        for row in range(2):
            for column in range(5):
                t, s = (each[image, :, row, column].tolist() for each in (Z, student))
                p = [math.exp(z / 2) / sum(math.exp(v / 2) for v in t) for z in t]
                q = [math.exp(z / 2) / sum(math.exp(v / 2) for v in s) for z in s]
                total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / 10
    assert float(TASK.distil(student, Z, 2.0, "sum")) == pytest.approx(total, rel=1e-12)


def test_what_can_be_explained_is_a_class_where_it_is_answered():
    own, *classes = TASK.explained(Z[:1], Y[:1])
    assert float(own.of(Z[:1])) == pytest.approx(sum(z[y] for z, y in pixels(0)) / 7)
    answered = Z[0].argmax(0)
    for label, each in enumerate(classes):
        where = answered == label
        expected = float(Z[0, label][where].mean()) if where.any() else 0.0
        assert float(each.of(Z[:1])) == pytest.approx(expected)
        other = float(Z[1, label][where].mean()) if where.any() else 0.0
        assert float(each.of({"out": Z[1:2]})) == pytest.approx(other)


def test_a_fair_split_divides_each_set_of_classes_shown():
    y = torch.tensor([[[0, 0]], [[1, 0]], [[0, 1]], [[0, 0]]])
    a, b, c, d = TASK.strata(y).tolist()
    assert a == d != b == c


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (Z, Y, None),
        (Z[:1], Y, None),
        ({"out": Z}, Y, None),
        (Z[0], Y, misfits.answers_otherwise((4, 2, 5), "(inputs, classes, height, width)")),
        (Z, Y[:, :1], misfits.targets_otherwise((1, 5), "one label for each of 2 × 5 pixels")),
        (Z[:, :2], Y, misfits.labels_beyond_outputs(0, 2, 2)),
        (Z, Y.double(), misfits.no_whole_numbers()),
    ],
)
def test_outputs_and_masks_of_another_task_are_told(output, target, expected):
    assert TASK.misfit(output, target) == expected


def test_a_student_is_not_apart_where_nothing_is_judged():
    student, judged = Z.clone(), Y != IGNORED
    student.permute(0, 2, 3, 1)[~judged] = math.nan
    assert float(TASK.distil(student, Z, target=Y)) == 0
    student.permute(0, 2, 3, 1)[judged] += torch.arange(Z.shape[1])
    assert float(TASK.distil(student, Z, target=Y)) > 0


def test_pixels_that_are_not_judged_are_no_class_of_a_fair_split():
    masks = torch.zeros(3, 2, 2, dtype=torch.long)
    masks[1, 0, 0] = IGNORED
    assert len(set(TASK.strata(masks).tolist())) == 1
    assert TASK.strata(torch.full((2, 2, 2), IGNORED)).tolist() == [0, 0]
