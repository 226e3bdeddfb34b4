"""How much goes of each layer, how much was asked for, and why the two are not the same."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, Share, fact


@fact(field="locks")
def lock_keeps(layer: str, asked: int, units: int, possible: int, most: Share) -> str:
    return (
        f"layer '{layer}' is asked to lose {asked} of its {units} units, but its lock lets "
        f"at most {possible} go: unlock units, or ask for {most} at most"
    )


@fact(field="locks")
def locks_keep(sparsity: Share, layers: str, most: Share) -> str:
    return (
        f"a sparsity of {sparsity} cannot be reached: the lock of {layers} leaves at most {most}; "
        "unlock, or ask for less"
    )


@fact(field="locks")
def locked(layer: str) -> str:
    return f"layer '{layer}' is locked, so less goes than was asked for"


@fact()
def rule_keeps() -> str:
    return "a group never loses more than its rule takes"


@fact(field="scope_parameters")
def minimum_width_keeps() -> str:
    return "a layer is never pruned below its minimum width"


@fact()
def one_keeps() -> str:
    return "a layer is never pruned to nothing"


@fact(field="layers")
def some_stay(count: int, layer: str, why: Fact) -> str:
    some, stay = ("one unit", "stays") if count == 1 else (f"{count:,} units", "stay")
    return f"{some} of layer '{layer}' {stay}: {why}"


@fact(field="layers")
def more_by_hand(by_hand: int, units: int, asked: int) -> str:
    return (
        f"the layers set by hand lose {by_hand} of all {units} units, more than the {asked} asked "
        "for overall: no other layer loses any"
    )


@fact(field="layers")
def less_beside_hand(most: int, asked: int, why: Fact | None) -> str:
    found = f"the layers set by hand leave at most {most} of the {asked} units asked for overall"
    return f"{found}: {why}" if why else found


@fact()
def one_of_each_stays() -> str:
    return "one unit of each layer stays"


@fact(field="sparsity")
def one_of_each_limits(why: Fact) -> str:
    return f"{one_of_each_stays()}: {why}"


@fact(field="sparsity")
def fewer(possible: int, asked: int, why: Fact) -> str:
    return f"{possible} of the {asked} units asked for go: {why}"


@fact(field="sparsity")
def below_percentile(count: int, asked: int) -> str:
    return (
        f"{count} units go, fewer than the {asked} asked for: some are locked or must stay, or "
        "score the same as the percentile, and those stay together"
    )


@fact(field="scope_parameters")
def multiples(multiple: int, removed: int, units: int) -> str:
    return (
        f"widths are multiples of {multiple} or the layer's own: {removed:,} of {units:,} units go"
    )


@fact(field="scope_parameters")
def within_budget(left: int, whole: int, what: str, budget: int) -> str:
    return f"{left:,} of {whole:,} {what} are left, within the budget of {budget:,}"


@fact(field="scope_parameters")
def budget_too_small(
    budget: int, what: str, least: int, whole: int, locks: str, fraction: float
) -> str:
    blame = f" with the lock of {locks}" if locks else ""
    return (
        f"a budget of {budget:,} {what} cannot be met: at least {least:,} of {whole:,} are left"
        f"{blame}; ask for {fraction:g} of them or more"
    )
