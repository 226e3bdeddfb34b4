"""Which level a search tries next: the one with which outcomes are told apart at the least cost."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate

LOST_COST = 0.25  # of a full evaluation: that a layer loses too much shows early
MOST_WEIGHED = 50  # outcomes of which all ways are weighed; their cost grows with the third power
LOSES = 0.725  # of the shares: x^¼ where x^¼ + x = 1, for outcomes that cost ¼ and 1


@lru_cache(maxsize=64)
def split(shares: tuple[float, ...]) -> int:
    """Return how many outcomes, of two or more with these shares, are left if the next one loses.

    That is the way that costs least on average; of more than 50 outcomes the one that parts the
    shares as a long search does it (codes with letters of unequal cost, Karp 1961,
    https://doi.org/10.1109/TIT.1961.1057615).
    """
    below = (0.0, *accumulate(shares))
    if len(shares) > MOST_WEIGHED:
        wanted = LOSES * below[-1]
        return min(range(1, len(shares)), key=lambda low: abs(below[low] - wanted))
    return _cheapest(below)


def _cheapest(below: tuple[float, ...]) -> int:
    """Return the cheapest first split; `below` is how much lies below each outcome's upper end."""
    size = len(below) - 1
    costs = [[0.0] * (size + 1) for _ in range(size + 1)]
    first = 1

    def cost(start: int, low: int, stop: int) -> float:
        loses, keeps = below[low] - below[start], below[stop] - below[low]
        return LOST_COST * loses + costs[start][low] + keeps + costs[low][stop]

    for width in range(2, size + 1):
        for start in range(size - width + 1):
            stop = start + width
            costs[start][stop], first = min(
                (cost(start, low, stop), low) for low in range(start + 1, stop)
            )
    return first
