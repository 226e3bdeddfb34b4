"""Under a budget of milliseconds: measured, so the plan that comes out holds an amount, no time."""

from __future__ import annotations

from collections.abc import Callable

from pruneviz.allocate import decides_amount
from pruneviz.allocate.budget import smallest
from pruneviz.measure.milliseconds import PassTime, Standing, pass_time
from pruneviz.plan import Plan
from pruneviz.run import Prepared, Pruned, prune, time_models
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

STEPS = 100  # amounts that are tried: whole percentages, as a slider has them
RUNS = 30  # passes of each network that is tried
FINAL_RUNS = 100  # of the one that is taken
MOST_AGAIN = 5  # measurements at length after the first


def within_milliseconds(
    prepared: Prepared,
    plan: Plan,
    milliseconds: float,
    measure: Callable[[Pruned, int], PassTime] | None = None,
) -> tuple[Plan, PassTime]:
    """Return the plan with the smallest overall amount that is as fast, and its time.

    `measure` times so many passes of a pruned network: by default in turns with the original's.
    Short measurements search, one at length decides: where its interval does not say that the time
    is within the goal, somewhat more goes, a few times; what is left undecided the time says. The
    plan's scope shares the amount out. The plan gives the same network again on any machine, though
    not the same time. ValueError where no amount is fast enough.
    """
    if decides_amount(plan.scope):
        raise RefusedError(analysing.scope_divides_nothing(plan.scope))
    found: dict[int, PassTime] = {}

    def with_amount(percent: int) -> Plan:
        return plan.changed(sparsity=percent / STEPS)

    def time_at(percent: int, passes: int) -> PassTime:
        pruned = prune(prepared, with_amount(percent))
        return measure(pruned, passes) if measure else _time(prepared, pruned, passes)

    def cost(percent: int) -> float:
        if percent not in found:
            found[percent] = time_at(percent, RUNS)
        return found[percent].median

    percent = smallest(cost, milliseconds, STEPS)
    if percent is None and found[STEPS].against(milliseconds) is Standing.BEYOND:
        raise RefusedError(
            analysing.never_fast_enough(milliseconds, found[STEPS].against_goal(milliseconds))
        )
    first = STEPS if percent is None else percent
    percent, taken = surely_within(lambda place: time_at(place, FINAL_RUNS), milliseconds, first)
    return with_amount(percent), taken


def surely_within(
    time_at: Callable[[int], PassTime], milliseconds: float, first: int
) -> tuple[int, PassTime]:
    """Return the first amount from `first` on, in percent, that is surely as fast, and its time.

    The shortest of many short measurements is likely to be too short, so it is taken again. Steps
    double; a time that is not measured well enough is measured again. After a few the last is
    returned, whatever it says.
    """
    place, step = first, 1
    for _ in range(MOST_AGAIN):
        taken = time_at(place)
        standing = taken.against(milliseconds)
        if standing is Standing.WITHIN or (standing is Standing.BEYOND and place == STEPS):
            return place, taken
        if standing is Standing.BEYOND or taken.is_narrow:
            place, step = min(STEPS, place + step), 2 * step
    return place, time_at(place)


def _time(prepared: Prepared, pruned: Pruned, passes: int) -> PassTime:
    return pass_time(time_models(prepared, pruned, passes).summary().pruned)


__all__ = ["FINAL_RUNS", "RUNS", "STEPS", "surely_within", "within_milliseconds"]
