"""What the answers of a network give away: confusions, one answer to everything, chance."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from pruneviz.measure.quality import predicted, wilson

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
) -> tuple[str, ...]:
    """Return what both networks' answers to the same inputs must be warned of, as sentences.

    Logits are (N, classes), labels (N,).
    """
    if not len(y):
        return ()
    sentences = (_one_answer(original, pruned, y, classes), below_chance(pruned, y, classes))
    return tuple(sentence for sentence in sentences if sentence)


def _one_answer(original: Tensor, pruned: Tensor, y: Tensor, classes: Sequence[str]) -> str:
    """Return which network gives one answer to nearly everything, "" where none does."""
    first, second = _usual(original, y), _usual(pruned, y)
    if first is None and second is None:
        return ""
    if first is not None and second is not None and first[0] == second[0]:
        shares = f"the original to {_percent(first[1])} of the inputs, the pruned to "
        return f"Both networks answer “{classes[first[0]]}”: {shares}{_percent(second[1])}."
    found = {"original network answers": first, "pruned network now answers": second}
    return " ".join(_sentence(name, usual, y, classes) for name, usual in found.items() if usual)


def _sentence(who: str, usual: tuple[int, float], y: Tensor, classes: Sequence[str]) -> str:
    index, share = usual
    what = "everything" if share == 1 else f"{_percent(share)} of the inputs"
    true = _percent(float((y == index).double().mean()))
    return f"The {who} “{classes[index]}” to {what}; {true} of the inputs are of that class."


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


def below_chance(logits: Tensor, y: Tensor, classes: Sequence[str]) -> str:
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
        return ""
    more = f" and of {len(worse) - MOST_NAMED} more classes" if len(worse) > MOST_NAMED else ""
    return (
        f"The pruned network is right in {', '.join(worse[:MOST_NAMED])}{more}: fewer than the "
        f"{_percent(chance)} that a guess among {len(table):,} outputs gets right."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"
