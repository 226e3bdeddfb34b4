"""One label a token against counting by hand, token by token in double precision."""

from __future__ import annotations

import math

import pytest
import torch
from torchmetrics.functional.classification import multiclass_f1_score

from pruneviz.metrics import METRICS
from pruneviz.tasks import IGNORED, TASKS
from pruneviz.wording import misfits

TASK = TASKS.get("token_classification").implementation()
DRAWN = torch.Generator().manual_seed(0)
Z = torch.randn(3, 6, 4, generator=DRAWN, dtype=torch.float64)  # 3 texts, 6 places, 4 classes
Y = torch.randint(0, 4, (3, 6), generator=DRAWN)
Y[0, 4:] = IGNORED
Y[2] = IGNORED


def tokens(text: int):
    """Yield each labelled token's logits and label."""
    for place in range(6):
        label = int(Y[text, place])
        if label != IGNORED:
            yield Z[text, place].tolist(), label


def surprise(logits: list[float], label: int) -> float:
    return math.log(sum(math.exp(z - logits[label]) for z in logits))


@pytest.mark.parametrize("output", [Z, {"logits": Z}])
def test_the_loss_and_the_counts_are_those_of_the_labelled_tokens(output):
    nll = [sum(surprise(*each) for each in tokens(text)) for text in range(3)]
    assert TASK.loss(output, Y, "none").tolist() == pytest.approx([nll[0] / 4, nll[1] / 6, 0.0])
    found = TASK.tally(TASK.answers(output, Y), Y)
    assert found["nll"].tolist() == pytest.approx(nll)
    assert found["tokens"].tolist() == [4, 6, 0]
    right = [sum(max(range(4), key=z.__getitem__) == y for z, y in tokens(t)) for t in range(3)]
    assert found["correct"].tolist() == right
    assert METRICS.get("token_accuracy").combine(found) == pytest.approx(sum(right) / 10)


def test_dice_over_all_tokens_is_the_mean_f1():
    found = TASK.tally(TASK.answers(Z, Y), Y)
    expected = multiclass_f1_score(
        Z.transpose(1, 2), Y, num_classes=4, average="macro", ignore_index=IGNORED
    )
    assert METRICS.get("dice").combine(found) == pytest.approx(float(expected), abs=1e-6)


def test_a_student_is_apart_from_its_teacher_token_by_token():
    student = Z.flip(0)
    p, q = (z.div(2).softmax(2) for z in (Z, student))
    expected = (p * (p / q).log()).sum(2).mean(1)
    found = TASK.distil({"logits": student}, Z, 2.0, "none")
    assert found.tolist() == pytest.approx(expected.tolist())


def test_what_can_be_explained_is_a_class_where_it_is_answered():
    own, *classes = TASK.explained(Z[:1], Y[:1])
    assert float(own.of(Z[:1])) == pytest.approx(sum(z[y] for z, y in tokens(0)) / 4)
    answered = Z[0].argmax(1)
    for label, each in enumerate(classes):
        where = answered == label
        expected = float(Z[0, :, label][where].mean()) if where.any() else 0.0
        assert float(each.of(Z[:1])) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (Z, Y, None),
        ({"logits": Z}, Y, None),
        (Z[0], Y, misfits.answers_otherwise((6, 4), "(inputs, places, classes)")),
        (Z, Y[:, :1], misfits.targets_otherwise((1,), "one label for each of 6 places")),
        (Z[..., :2], Y, misfits.labels_beyond_outputs(0, 3, 2)),
        (Z, Y.double(), misfits.no_whole_numbers()),
    ],
)
def test_outputs_and_labels_of_another_task_are_told(output, target, expected):
    assert TASK.misfit(output, target) == expected
