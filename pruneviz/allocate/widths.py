"""Widths that hardware likes: every layer keeps a multiple of 8, 16, …, or stays whole."""

from __future__ import annotations

from pruneviz.allocate.request import Counts, Request


def rounded(request: Request, removed: Counts) -> Counts:
    """Return how many units each layer loses so that it keeps a multiple of `request.multiple`.

    All layers are rounded down to a width they may have; those that were nearest to the next one
    get it back while no more stays than before. A layer that its lock or its minimum width keeps
    from being rounded down is rounded up.
    """
    kept = {name: request.counts[name] - count for name, count in removed.items()}
    below = {name: _below(request, name, width) for name, width in kept.items()}
    left = sum(kept.values()) - sum(below.values())
    for name in sorted(kept, key=lambda name: below[name] - kept[name]):
        more = _above(request, name, below[name] + 1) - below[name] if left > 0 else 0
        if 0 < more <= left and below[name] < kept[name]:
            below[name] += more
            left -= more
    return {name: request.counts[name] - width for name, width in below.items()}


def _below(request: Request, name: str, width: int) -> int:
    """Return the largest width a layer may have that is no more than `width`, else the smallest."""
    if width == request.counts[name]:
        return width
    smallest = request.counts[name] - request.removable(name)
    lower = width // request.multiple * request.multiple
    return lower if lower >= smallest else _above(request, name, smallest)


def _above(request: Request, name: str, width: int) -> int:
    """Return the smallest width a layer may have that is no less than `width`, from 1."""
    return min(-(-max(width, 1) // request.multiple) * request.multiple, request.counts[name])


__all__ = ["rounded"]
