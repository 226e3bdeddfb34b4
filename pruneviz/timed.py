"""Under a budget of milliseconds: measured, so the plan that comes out holds an amount, no time."""

from __future__ import annotations

from collections.abc import Callable

from pruneviz.allocate import decides_amount
from pruneviz.allocate.budget import smallest
from pruneviz.plan import Plan
from pruneviz.run import Prepared, Pruned, prune, time_models

STEPS = 100  # amounts that are tried: whole percentages, as a slider has them
RUNS = 30


def within_milliseconds(
    prepared: Prepared,
    plan: Plan,
    milliseconds: float,
    measure: Callable[[Pruned], float] | None = None,
) -> tuple[Plan, float]:
    """Return the plan with the smallest overall amount that is as fast, and its median time in ms.

    `measure` times one pruned network, in ms: by default the median of single passes, in turns with
    the original's. The plan's scope shares the amount out. The plan gives the same network again on
    any machine, though not the same time. ValueError where no amount is fast enough.
    """
    if decides_amount(plan.scope):
        raise ValueError(
            f"scope '{plan.scope}' decides by itself how much goes: choose one that divides the "
            "overall amount, such as global or uniform"
        )
    found: dict[int, float] = {}

    def cost(percent: int) -> float:
        if percent not in found:
            pruned = prune(prepared, with_amount(percent))
            found[percent] = (measure or (lambda made: _median(prepared, made)))(pruned)
        return found[percent]

    def with_amount(percent: int) -> Plan:
        return plan.changed(sparsity=percent / STEPS)

    percent = smallest(cost, milliseconds, STEPS)
    if percent is None:
        raise ValueError(
            f"{milliseconds:g} ms cannot be met: with all that can go gone it takes "
            f"{cost(STEPS):.3g} ms; unlock layers, or allow more time"
        )
    return with_amount(percent), cost(percent)


def _median(prepared: Prepared, pruned: Pruned) -> float:
    return time_models(prepared, pruned, RUNS).summary().pruned.median


__all__ = ["within_milliseconds"]
