"""Lineage: which run began from which, as a tree."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pruneviz.history.row import Row

Parents = Mapping[str, str | None]


@dataclass(frozen=True, eq=False, repr=False)
class Lineage:
    """A run and the runs that began from it; `row` is None for one that is no longer there."""

    digest: str
    row: Row | None
    children: tuple[Lineage, ...]

    def lines(self) -> Iterator[tuple[int, Lineage]]:
        """Yield the tree from the top as (depth, part), children below their parent."""
        waiting: list[tuple[int, Lineage]] = [(0, self)]
        while waiting:  # a chain of runs may be longer than Python's stack is deep
            depth, part = waiting.pop()
            yield depth, part
            waiting += [(depth + 1, child) for child in reversed(part.children)]


def family(pairs: Sequence[tuple[str, str | None]], digest: str) -> dict[str, str | None]:
    """Return the ancestors, the run itself and its descendants, each with its parent in the tree.

    `pairs` are (digest, parent). The topmost comes first and has no parent here. A parent that is
    gone is at the top; a circle, which damaged files may hold, is followed once.
    """
    parents = dict(pairs)
    way = {digest: parents.get(digest)}
    while (above := next(reversed(way.values()))) is not None and above not in way:
        way[above] = parents.get(above)
    down = list(reversed(way))
    kept: dict[str, str | None] = dict(zip(down, [None, *down], strict=False))
    children: dict[str, list[str]] = {}
    for child, parent in pairs:
        if parent is not None:
            children.setdefault(parent, []).append(child)
    waiting = deque([digest])
    while waiting:
        for child in children.get(parent := waiting.popleft(), ()):
            if child not in kept:
                kept[child] = parent
                waiting.append(child)
    return kept


def tree(parents: Parents, rows: Mapping[str, Row]) -> Lineage:
    """Build the tree of a family, as `family` returns it."""
    below: dict[str, list[Lineage]] = {digest: [] for digest in parents}
    for digest in reversed(list(parents)):  # the lowest first: each finds its children made
        made = Lineage(digest, rows.get(digest), tuple(reversed(below[digest])))
        parent = parents[digest]
        if parent is None:
            return made
        below[parent].append(made)
    raise ValueError("a family has somebody at its top")
