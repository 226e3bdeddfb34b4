"""From a budget of milliseconds to the overall amount."""

from __future__ import annotations

from pruneviz.plan import Plan
from pruneviz.timed import within_milliseconds
from pruneviz.ui import cache

HELP = (
    "Finds the smallest overall amount, in whole percent, with which the pruned network answers "
    "one input within this time on this machine: the median of 30 passes, in turns with the "
    "original's. The plan then holds the amount, not the time."
)


def amount(plan: Plan, milliseconds: float) -> float:
    """Return the overall sparsity that meets a time; ValueError where none does."""
    raw = cache.without_recovery(plan)
    return within_milliseconds(cache.prepared(raw), raw, milliseconds)[0].sparsity
