"""Under a budget: as much goes as it takes until no more is left than the budget allows."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from pruneviz.allocate.choose import Kept, chosen
from pruneviz.allocate.overall import equal_shares
from pruneviz.allocate.request import ACROSS, SCOPES, WIDTHS, Counts, Request
from pruneviz.registry import Parameter
from pruneviz.wording import RefusedError, amounts
from pruneviz.wording.refusals import choosing

RESOURCES = ("parameters", "macs", "bytes")
WORDS = {"parameters": "parameters", "macs": "MACs", "bytes": "bytes"}


@SCOPES.register(
    name="budget",
    title="Under a budget",
    family="budget",
    sentence="Removes as little as keeps the network within a budget of parameters, MACs or bytes "
    "(of the weights file), counted exactly; the budget decides the amount.",
    formula="min k with cost(k) ≤ budget, by bisection over k units removed",
    source="Gordon et al. 2017 (MorphNet), arXiv 1711.06798",
    parameters=(
        Parameter(
            name="of",
            label="Counted in",
            default="macs",
            choices=RESOURCES,
            help="What the budget is counted in.",
        ),
        Parameter(
            name="left",
            label="Fraction left",
            default=0.5,
            minimum=0.0,
            maximum=1.0,
            help="The budget as a fraction of what the original has.",
        ),
        Parameter(
            name="at_most",
            label="Number at most",
            default=0,
            minimum=0,
            help="The budget as a number, such as 1000000; 0 takes the fraction.",
        ),
        Parameter(
            name="by",
            label="Who pays",
            default="global",
            choices=("global", "uniform"),
            help="Who pays: the lowest scores of all layers, or all layers the same fraction.",
        ),
        *WIDTHS,
    ),
)
def budget(
    request: Request, of: str = "macs", left: float = 0.5, at_most: int = 0, by: str = "global"
) -> Counts:
    """Return the smallest counts that meet the budget; ValueError says the least it can be."""
    costs = request.costs
    if costs is None:
        raise RefusedError(choosing.nothing_to_count())
    fixed = {name: request.layer_count(name, s) for name, s in request.own.items()}

    def decided(count: int) -> Counts:
        return equal_shares(request, count) if by == "uniform" else {ACROSS: count}

    def kept(count: int) -> Kept:
        return chosen(request, fixed, decided(count))

    nothing = {n: torch.ones(c, dtype=torch.bool) for n, c in request.counts.items()}
    whole = costs(of, nothing)
    target = at_most or math.floor(left * whole)
    most = sum(request.removable(name) for name in request.free())
    count = smallest(lambda k: costs(of, kept(k)), target, most)
    if count is None:
        least, locks = costs(of, kept(most)), ", ".join(request.locks())
        fraction = math.ceil(least / whole * 1e4) / 1e4
        raise RefusedError(
            amounts.budget_too_small(target, WORDS[of], least, whole, locks, fraction)
        )
    count_left = costs(of, kept(count))
    request.notes.append(amounts.within_budget(count_left, whole, WORDS[of], target))
    return decided(count)


def smallest(cost: Callable[[int], float], target: float, most: int) -> int | None:
    """Return the smallest k in 0 … most with cost(k) ≤ target, None where there is none.

    `cost` does not rise with k.
    """
    if cost(most) > target:
        return None
    low, high = -1, most
    while high - low > 1:
        middle = (low + high) // 2
        if cost(middle) <= target:
            high = middle
        else:
            low = middle
    return high


__all__ = ["RESOURCES", "budget", "smallest"]
