"""What tokens spell, one by one, and where two texts differ."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from pruneviz.subjects.texts.tokenizer import Tokenizer

UNFINISHED = "\ufffd"  # what a reader shows for the first bytes of a character


def pieces(tokenizer: Tokenizer, before: Sequence[int], tokens: Sequence[int]) -> list[str]:
    """Return what each of the tokens adds to the text of all those before it.

    A character that several tokens spell stands at the last of them.
    """
    every, found, said = list(before), list[str](), tokenizer.decode(before)
    for at, token in enumerate(tokens):
        every.append(token)
        text = tokenizer.decode(every)
        if text.endswith(UNFINISHED) and at < len(tokens) - 1:
            found.append("")
            continue
        found.append(text[len(said) :])
        said = text
    return found


def apart(first: Sequence[int], second: Sequence[int]) -> tuple[list[bool], list[bool]]:
    """Return of each token of two texts whether it is none of those that both have in order.

    What both have are the longest parts that are alike, and of what is left of and right of these
    the same again (Ratcliff and Metzener 1988).
    """
    matches = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    marks = [True] * len(first), [True] * len(second)
    for at, other, size in matches:
        marks[0][at : at + size] = marks[1][other : other + size] = [False] * size
    return marks


def alike(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens both texts begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))
