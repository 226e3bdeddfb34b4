"""Few combinations of many choices, among which every two choices meet that could."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

Row = tuple[Hashable, ...]


def in_turn(*kinds: Sequence[Hashable]) -> list[Row]:
    """Return as many combinations as the longest kind has choices; each choice of each occurs."""
    longest = max(map(len, kinds))
    return [tuple(kind[place % len(kind)] for kind in kinds) for place in range(longest)]


def pairs(row: Row) -> Iterator[tuple[tuple[int, Hashable], ...]]:
    """Yield each two choices of a row, with their places."""
    return itertools.combinations(enumerate(row), 2)


def pairwise(*kinds: Iterable[Hashable], allowed: Callable[..., bool] | None = None) -> list[Row]:
    """Return combinations of one choice of each kind, in which every pair of choices occurs.

    Only combinations that are `allowed` are taken, and only pairs that one of them holds are
    asked for. The same choices give the same rows in the same order.
    """
    everything = itertools.product(*kinds)
    rows = [row for row in everything if allowed is None or allowed(*row)]
    having: dict[Hashable, list[Row]] = {}
    for row in rows:
        for pair in pairs(row):
            having.setdefault(pair, []).append(row)
    chosen: dict[Row, None] = {}
    missing, often = set(having), Counter[Hashable]()
    for pair in sorted(having, key=lambda each: len(having[each])):  # what few rows hold, first
        if pair not in missing:
            continue
        row = max(
            having[pair],
            key=lambda row: (
                sum(each in missing for each in pairs(row)),
                -sum(often[each] for each in pairs(row)),
            ),
        )
        chosen[row] = None
        missing.difference_update(pairs(row))
        often.update(pairs(row))
    return list(chosen)
