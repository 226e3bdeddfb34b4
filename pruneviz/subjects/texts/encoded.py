"""Texts as the tokens that a network takes: cut to what it takes, filled up, with a mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pruneviz.network.inputs import Batch, Inputs
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.tables.columns import Columns
from pruneviz.subjects.texts.tokenizer import Encoded
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import text_files

MAX_VALUES = 50_000_000  # places of all texts together
IDS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"
Cut = Callable[[int | None], list[Encoded]]


def encoded(cut: Cut, pairs: bool, expects: Expectation, columns: Columns) -> list[Encoded]:
    """Return the tokens of texts, with `cut` given how many a text may have.

    That is what the choice of a `length` says, and the network takes. RefusedError where it takes
    fewer, or knows no such token.
    """
    assert expects.tokenizer is not None
    length = _length(columns.length)
    if length is not None and expects.places is not None and length > expects.places:
        raise RefusedError(text_files.length_beyond(length, expects.places))
    most = expects.places if length is None else length
    ends = expects.tokenizer.least(pairs)
    if most is not None and most <= ends:
        raise RefusedError(text_files.length_too_short(most, ends + 1))
    found = cut(most)
    without = [place for place, each in enumerate(found, 1) if not each.tokens]
    if without:
        raise RefusedError(text_files.nothing_made_of(len(without), without[0]))
    largest = max((token for each in found for token in each.tokens), default=0)
    if expects.tokens is not None and largest >= expects.tokens:
        raise RefusedError(text_files.token_beyond(largest, expects.tokens))
    longest = max(len(each.tokens) for each in found)
    if longest * len(found) > MAX_VALUES:
        fits = MAX_VALUES // len(found)
        raise RefusedError(text_files.too_many_places(len(found), longest, MAX_VALUES, fits))
    return found


def _length(chosen: tuple[str, ...]) -> int | None:
    if not chosen:
        return None
    if len(chosen) > 1 or not chosen[0].isdecimal() or not 0 < int(chosen[0]) < 10**9:
        raise RefusedError(text_files.no_length(",".join(chosen)))
    return int(chosen[0])


def as_batch(found: Sequence[Encoded], pairs: bool, expects: Expectation) -> Batch:
    """Return tokens (N, places), filled up to the longest text, int64.

    With a mask, 1 at tokens and 0 at what fills up, where the network takes one; and of pairs with
    1 at the tokens of the second text.
    """
    uneven = len({len(each.tokens) for each in found}) > 1
    if uneven and expects.padding is None and MASK not in expects.takes:
        raise RefusedError(text_files.no_padding())
    tokens = filled([each.tokens for each in found], expects.padding or 0)
    if MASK not in expects.takes:
        return tokens
    parts = {IDS: tokens, MASK: filled([[1] * len(each.tokens) for each in found], 0)}
    if pairs and TYPES in expects.takes:
        parts[TYPES] = filled([each.parts for each in found], 0)
    return Inputs(kwargs=parts)


def filled(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Return numbers (N, longest), int64, with a value behind shorter rows."""
    whole = torch.full((len(rows), max(map(len, rows))), value, dtype=torch.int64)
    for place, row in enumerate(rows):
        whole[place, : len(row)] = torch.tensor(row, dtype=torch.int64)
    return whole
