"""What two networks' attributions of one input come to: answers first, then trust, then likeness.

Likeness to the original is not rightness: no sentence here says that all is well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pruneviz.explain.attribute import Attribution
from pruneviz.explain.similarity import Similarity
from pruneviz.measure.quality import predicted
from pruneviz.metrics.statistics import wilson

NO_NUMBER = "no number"


@dataclass(frozen=True)
class Headline:
    """Whether the answer changed, whether the method can be trusted here, how alike the maps are.

    `likeness` is "" where the maps are not to be trusted.
    """

    answer: str
    trust: str
    likeness: str

    @property
    def title(self) -> str:
        """Return a figure's title: the answers, and what the maps show of them."""
        return f"{self.answer}. {self.likeness or self.trust}"


def headline(answer: str, maps: tuple[Attribution, Attribution], alike: Similarity) -> Headline:
    """Return what is to be said of one input; maps are the original's and the pruned's.

    `answer` says what became of the answer.
    """
    trust, usable = _trust(maps)
    return Headline(answer, trust, alike.finding * usable)


def verdict(truth: int, answers: tuple[int, int]) -> str:
    """Return in a few words whether pruning changed the answer, and which of the two is right."""
    before, after = answers
    if before == after:
        return "both right" if before == truth else "both wrong in the same way"
    if before == truth:
        return "right before, now wrong"
    return "wrong before, now right" if after == truth else "wrong before, now wrong differently"


def answers_in_words(truth: int, answers: tuple[int, int], classes: Sequence[str]) -> str:
    """Return the verdict as a sentence with the answers' names; an answer of −1 is no number."""
    before, after = answers
    true, first, second = (_name(each, classes) for each in (truth, before, after))
    named = first if before == after else f"{first} became {second}"
    if truth not in answers:
        named = f"{named}, where {true} is right"
    said = verdict(truth, answers)
    return f"{said[0].upper()}{said[1:]}: {named}"


def numbers_in_words(truth: float, answers: tuple[float, float]) -> str:
    """Return what became of a number: how far it moved, towards the truth or away from it."""
    before, after = answers
    moved = f"{before:.4g} became {after:.4g}, where {truth:.4g} is right"
    if before == after:
        return f"The same number: {before:.4g}, where {truth:.4g} is right"
    farther = abs(after - truth) - abs(before - truth)
    if farther != farther:
        return f"No number: {moved}"
    return f"{'Farther from' if farther > 0 else 'Nearer to'} the truth: {moved}"


def at_chance(logits: Tensor, y: Tensor, who: str) -> str:
    """Return that a network is no better than a guess, "" where it is surely better.

    Logits are (N, classes), labels (N,). The best guess that looks at no input always gives the
    most frequent class, or draws one of all.
    """
    if not len(y):
        return ""
    right = int((predicted(logits) == y).sum())
    guess = max(int(torch.bincount(y).max()) / len(y), 1 / logits.shape[1])
    if wilson(right, len(y))[0] > guess:
        return ""
    compared = "no better than" if right <= guess * len(y) else "within chance of"
    return (
        f"{who} is right in {100 * right / len(y):.1f} % of {len(y):,} inputs, {compared} what a "
        f"guess gets ({100 * guess:.1f} %): what it looks at explains no skill."
    )


def _name(answer: int, classes: Sequence[str]) -> str:
    return f"“{classes[answer]}”" if answer >= 0 else NO_NUMBER


def _trust(maps: tuple[Attribution, Attribution]) -> tuple[str, bool]:
    """Return what the method's own check says of both maps, and whether they may be compared."""
    names = ("original", "pruned network")
    flat = [name for name, found in zip(names, maps, strict=True) if not found.values.any()]
    if flat:
        whose = " and the ".join(flat)
        return (
            f"Every attribution on the {whose} is 0: there is nothing to see in its picture",
            False,
        )
    failed = [name for name, found in zip(names, maps, strict=True) if not found.valid]
    if failed:
        whose = " and the ".join(failed)
        return f"The method fails its own check on the {whose}: do not rely on this picture", False
    if any(found.delta is None for found in maps):
        return "This method has no check of its own: take its picture as a hint", True
    passed = "its pictures fit what each network computes, whether that is right or wrong"
    return f"The method passes its own check on both: {passed}", True
