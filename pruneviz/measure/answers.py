"""What the answers of a network give away: confusions, one answer to everything, chance."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from pruneviz.measure.quality import predicted
from pruneviz.metrics.statistics import wilson
from pruneviz.wording import Fact, judged, opened

NEARLY_ALL = 0.95  # of the answers
BEYOND_TRUTH = 0.05  # so much more often than the class itself, unless it is every answer
MOST_NAMED = 3


def confusion(logits: Tensor, y: Tensor) -> Tensor:
    """Return how often each class (rows) gets each answer (columns), (classes, classes) int64.

    Logits are (N, classes), labels (N,). Answers that are no number are counted nowhere.
    """
    answers, classes = predicted(logits), logits.shape[1]
    known = answers >= 0
    places = y[known] * classes + answers[known]
    return torch.bincount(places, minlength=classes * classes).reshape(classes, classes)


def confusion_table(
    original: Tensor, pruned: Tensor, y: Tensor, classes: Sequence[str]
) -> pd.DataFrame:
    """Return one row for each class and answer that occurs, with how often in both networks.

    Columns: class, answer, original, pruned. Logits are (N, classes), labels (N,).
    """
    first, second = confusion(original, y), confusion(pruned, y)
    rows, columns = ((first + second) > 0).nonzero(as_tuple=True)
    return pd.DataFrame(
        {
            "class": [classes[i] for i in rows.tolist()],
            "answer": [classes[i] for i in columns.tolist()],
            "original": first[rows, columns].numpy(),
            "pruned": second[rows, columns].numpy(),
        }
    )


def answer_notes(
    original: Tensor, pruned: Tensor, y: Tensor, classes: Sequence[str]
) -> tuple[Fact, ...]:
    """Return what both networks' answers to the same inputs must be warned of.

    Logits are (N, classes), labels (N,).
    """
    if not len(y):
        return ()
    found = (unanswered(pruned, "pruned"), below_chance(pruned, y, classes))
    return (*_one_answer(original, pruned, y, classes), *(note for note in found if note))


def unanswered(logits: Tensor, who: str) -> Fact | None:
    """Return how many inputs a network answers with NaN, logits (N, classes); None for none."""
    count = int((predicted(logits) < 0).sum())
    return judged.no_answers(who, count, len(logits)) if count else None


def _one_answer(
    original: Tensor, pruned: Tensor, y: Tensor, classes: Sequence[str]
) -> tuple[Fact, ...]:
    """Return which network gives one answer to nearly everything, () where none does."""
    first, second = _usual(original, y), _usual(pruned, y)
    if first is not None and second is not None and first[0] == second[0]:
        return (judged.both_answer(classes[first[0]], first[1], second[1]),)
    usual = {"original network answers": first, "pruned network now answers": second}
    found = [
        judged.one_answer(who, classes[one[0]], one[1], float((y == one[0]).double().mean()))
        for who, one in usual.items()
        if one
    ]
    return (opened.together(tuple(found)),) if found else ()


def _usual(logits: Tensor, y: Tensor) -> tuple[int, float] | None:
    """Return the class that takes nearly all answers and its share of them, if there is one."""
    answers = predicted(logits)
    counts = torch.bincount(answers[answers >= 0], minlength=logits.shape[1])
    usual = int(counts.argmax())
    share = int(counts[usual]) / len(answers)
    true = float((y == usual).double().mean())
    if share == 1 and true < 1:
        return usual, share
    return (usual, share) if share >= NEARLY_ALL and share >= true + BEYOND_TRUTH else None


def below_chance(logits: Tensor, y: Tensor, classes: Sequence[str]) -> Fact | None:
    """Return the classes of which fewer inputs are right than a guess among all outputs gets.

    Whoever draws one of K outputs at random is right in 1 of K inputs of every class.
    """
    table = confusion(logits, y)
    totals = torch.bincount(y, minlength=len(table))
    chance = 1 / len(table)
    worse = []
    for index, total in enumerate(totals.tolist()):
        right = int(table[index, index])
        if total and right < chance * total:
            sure = wilson(right, total)[1] < chance
            text = f"{right} of {total:,} inputs of class “{classes[index]}”"
            worse.append(text if sure else f"{text} (within chance)")
    if not worse:
        return None
    return judged.below_chance(", ".join(worse[:MOST_NAMED]), len(worse) - MOST_NAMED, len(table))
