"""Confusions, one answer to everything, classes under chance, and classes that are permuted."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from pruneviz.measure.answers import answer_notes, below_chance, confusion
from pruneviz.measure.permuted import permutation


def scores(answers: list[int] | Tensor, classes: int) -> Tensor:
    """Return logits whose largest is the answer."""
    return torch.eye(classes)[torch.as_tensor(answers)]


def test_a_confusion_counts_every_pair_once() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(5, (300,), generator=generator)
    answers = torch.randint(5, (300,), generator=generator)
    logits = scores(answers, 5)
    logits[7, 2] = float("nan")
    table = confusion(logits, y)
    known = [i for i in range(300) if i != 7]
    for true in range(5):
        for answer in range(5):
            counted = sum(int(y[i]) == true and int(answers[i]) == answer for i in known)
            assert int(table[true, answer]) == counted
    assert int(table.sum()) == 299


def notes(original: list[int], pruned: list[int], y: list[int], classes: int = 2) -> list[str]:
    names = [f"c{i}" for i in range(classes)]
    first, second = scores(original, classes), scores(pruned, classes)
    return [str(n).replace("\u00a0", " ") for n in
            answer_notes(first, second, torch.tensor(y), names)]  # fmt: skip


Y = [0, 1] * 50


def test_one_answer_to_everything_is_said_of_whoever_gives_it() -> None:
    now = notes(Y, [1] * 100, Y)
    assert now[0] == (
        "The pruned network now answers “c1” to everything; 50.0 % of the inputs are of that class."
    )
    assert "right in 0 of 50 inputs of class “c0”: fewer than the 50.0 %" in now[1]
    assert "Both networks answer “c1”: the original to 100.0 %" in notes([1] * 100, [1] * 100, Y)[0]
    assert notes([0] * 100, Y, Y)[0].startswith("The original network answers “c0” to everything")
    nearly = notes(Y, [1] * 97 + [0, 0, 0], Y)[0]
    assert nearly.startswith("The pruned network now answers “c1” to 97.0 % of the inputs")
    rare = [0] * 2 + [1] * 98
    assert notes(rare, rare, rare) == []  # right, however uneven the classes are
    assert "to everything; 98.0 %" in notes(rare, [1] * 100, rare)[0]
    assert notes(Y, Y, Y) == []


def test_a_class_under_chance_is_named_with_its_counts() -> None:
    y = torch.arange(4).repeat(40)
    answers = y.clone()
    answers[(y == 2).nonzero().flatten()[:32]] = 3  # 8 of 40 are right: 20 %, chance is 25 %
    found = str(below_chance(scores(answers, 4), y, "abcd")).replace("\u00a0", " ")
    assert "8 of 40 inputs of class “c” (within chance): fewer than the 25.0 %" in found
    answers[y == 2] = 3
    assert "in 0 of 40 inputs of class “c”: fewer" in str(
        below_chance(scores(answers, 4), y, "abcd")
    )
    assert below_chance(scores(y, 4), y, "abcd") is None


@pytest.mark.parametrize("seed", range(8))
def test_permuted_classes_are_found(seed: int) -> None:
    chooser, classes = random.Random(seed), 2 + seed
    order = list(range(classes))
    while any(i == j for i, j in enumerate(order)):
        chooser.shuffle(order)
    y = torch.arange(classes).repeat(20)
    answers = torch.tensor(order)[y]
    for i in chooser.sample(range(len(y)), len(y) // 10):
        answers[i] = chooser.randrange(classes)
    found = permutation(scores(answers, classes), y)
    assert found is not None
    assert found.outputs == dict(enumerate(order))
    assert found.accuracy < found.chance
    assert found.better > 0.85


def test_a_part_of_the_classes_may_be_permuted() -> None:
    y = torch.arange(4).repeat(25)
    found = permutation(scores(torch.tensor([0, 3, 1, 2])[y], 4), y)
    assert found is not None
    assert found.outputs == {0: 0, 1: 3, 2: 1, 3: 2}


@pytest.mark.parametrize("seed", range(20))
def test_guesses_and_one_answer_are_no_permutation(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for classes in (2, 3, 10, 100):
        y = torch.randint(classes, (60,), generator=generator)
        answers = torch.randint(classes, (60,), generator=generator)
        assert permutation(scores(answers, classes), y) is None
        assert permutation(scores(torch.zeros(60, dtype=torch.int64), classes), y) is None
        assert permutation(scores(y, classes), y) is None
