"""Names of classes as text: the numbers they spell, their order, and how alike they are."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

WHOLE = re.compile(r"[+-]?\d{1,15}(\.0*)?", re.ASCII)


def whole_numbers(names: Sequence[str]) -> list[int] | None:
    """Return the whole numbers that all names spell, or None."""
    if not all(WHOLE.fullmatch(name) for name in names):
        return None
    return [int(name.partition(".")[0]) for name in names]


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts `class 2` before `class 10`."""
    signed = whole_numbers([name])
    if signed is not None:
        return [(0, signed[0], "")]
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def count_up(names: Sequence[str]) -> bool:
    """Whether names are one word and a number each, which count from 0 or 1, as class_0 does."""
    parts = [re.fullmatch(r"(.*?)(\d+)(\D*)", name, re.ASCII | re.DOTALL) for name in names]
    found = [(part[1], int(part[2]), part[3]) for part in parts if part]
    if len(found) < len(names) or len({(start, end) for start, _, end in found}) != 1:
        return False
    numbers = sorted(number for _, number, _ in found)
    return numbers in (list(range(len(names))), list(range(1, len(names) + 1)))


def plain(name: str) -> str:
    """Return a name without case, spaces, dashes and underscores, its accents written one way."""
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name).casefold())


def index(names: Sequence[str]) -> dict[str, int]:
    """Return where each name stands; one that stands there twice is left out."""
    times = Counter(names)
    return {name: i for i, name in enumerate(names) if times[name] == 1}
