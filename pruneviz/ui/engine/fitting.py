"""From a budget of milliseconds to the overall amount."""

from __future__ import annotations

from pruneviz.analyses.latency_budget import FINAL_RUNS, RUNS, within_milliseconds
from pruneviz.granularity import stays_dense
from pruneviz.plan import Part, Plan
from pruneviz.ui.engine import cache

HELP = (
    "Finds the smallest overall amount, in whole percent, with which the pruned network answers "
    f"one input within this time on this machine: {RUNS} passes of each that is tried, in turns "
    f"with the original's, and {FINAL_RUNS} of the one that is taken, whose interval must lie "
    "within. The plan then holds the amount, not the time."
)


def amount(plan: Plan, milliseconds: float) -> tuple[float, str]:
    """Return the overall sparsity that meets a time, and the time in words.

    ValueError where none does.
    """
    raw = plan.without(Part.RECOVERY)
    found, taken = within_milliseconds(cache.prepared(raw), raw, milliseconds)
    dense = stays_dense(found.granularity, found.sparsity)
    return (
        found.sparsity,
        f"the time for one input is {taken.against_goal(milliseconds, dense=dense)}",
    )
