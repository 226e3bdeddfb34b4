"""What a user must know of a proposal of ratios, and what holds it where it is."""

from __future__ import annotations

from pruneviz.wording.fact import fact

MOST_NAMED = 3  # layers


@fact()
def curves_made_monotone() -> str:
    return "curves are made monotone before use: pruning more of a layer is taken to cost no less"


@fact(field="recovery")
def before_recovery() -> str:
    return "the numbers are those before the plan's recovery"


@fact()
def judge_chose(inputs: int) -> str:
    return f"the {inputs:,} inputs that judge it also chose it, so it flatters: try it on new ones"


@fact()
def judge_only_judged(choosing: int, inputs: int) -> str:
    return (
        f"candidates were compared on {choosing:,} calibration inputs; the {inputs:,} inputs only "
        "judge the choice, but the curves were measured on them, so it flatters a little"
    )


@fact()
def judge_decided(inputs: int) -> str:
    return (
        f"the {inputs:,} inputs that judge it also decided how far it goes, so it flatters a "
        "little: try it on new ones"
    )


@fact()
def equal_parts_would_leave(share: float, what: str) -> str:
    return (
        f"equal parts of every layer would leave {100 * share:.3g} % of the {what} within the same "
        "loss"
    )


@fact()
def timed_here(passes: int) -> str:
    return (
        f"timed on this machine, the median of {passes} single passes in turns with the "
        "original's; what a layer saves is weighed by its MACs"
    )


def listed(names: tuple[str, ...]) -> str:
    """Return `a`, `a and b`, or `7 layers`."""
    if len(names) > MOST_NAMED:
        return f"{len(names)} layers"
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def are(names: tuple[str, ...]) -> str:
    """Return `a is`, `a and b are`, or `7 layers are`."""
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'}"


@fact()
def gives_way_first(layer: str, more: float, costs: str) -> str:
    return f"{layer} gives way first: {100 * more:.0f} % more of it, alone, {costs}"


@fact(field="locks")
def locked(layers: tuple[str, ...]) -> str:
    return f"{are(layers)} locked"


@fact()
def not_scanned(layers: tuple[str, ...]) -> str:
    one = len(layers) == 1
    kept = "keeps what it has" if one else "keep what they have"
    return f"{are(layers)} not in the scan and {kept}"


@fact(field="metric")
def not_in_the_scan(metric: str) -> str:
    return f"the sensitivity curves are not of {metric}: measure them again under this metric"


@fact()
def at_the_scan_s_end(layers: tuple[str, ...], level: float) -> str:
    return f"{are(layers)} as far as the scan goes, {100 * level:.0f} % removed"


@fact()
def can_lose_no_more(layers: tuple[str, ...]) -> str:
    return f"{listed(layers)} can lose no more: locks, widths or a rule keep the rest"


@fact()
def one_layer_gives_way() -> str:
    return "each way loses too much at its first step: one layer gives way, a second was not tried"


@fact()
def a_step_further(left: float, what: str, loses: str) -> str:
    return f"a step further, to {100 * left:.3g} % of the {what}, {loses}"


@fact()
def furthest_time(furthest: str, time: str) -> str:
    return f"{furthest}, the time for one input is {time}"


@fact()
def too_slow_at_length(time: str) -> str:
    return (
        f"measured at length, the time for one input is {time}; propose again on an idle machine, "
        "or for more time"
    )


@fact()
def met_already(goal: str, now: str) -> str:
    return f"the goal of {goal} is met already: the original has {now}; ask for less than that"


@fact()
def fast_already(goal: str, time: str) -> str:
    return (
        f"the goal of {goal} is met already: the original's time for one input is {time}; ask for "
        "less than that"
    )


@fact()
def too_slow(goal: str, furthest: str, time: str, unlock: str) -> str:
    return (
        f"{goal} cannot be reached: {furthest}, the time for one input is {time}; allow more time"
        f"{unlock}"
    )


@fact()
def too_much_left(goal: str, furthest: str, left: str, unlock: str) -> str:
    return (
        f"a goal of {goal} cannot be reached: {furthest}, as far as rules let it go, {left} are "
        f"left; ask for more than that{unlock}"
    )


@fact()
def kept_layers_lose(lost: str, goal: str, does: str = "loses") -> str:
    return (
        f"what layers keep as it is {does} {lost} already, more than {goal}: let those layers "
        "follow, or allow more"
    )


@fact()
def nothing_can_go(lost: str, goal: str, does: str = "loses") -> str:
    return (
        f"nothing can go: the least step of any layer {does} {lost}, more than {goal}; allow more, "
        "or unlock layers"
    )


@fact(field="metric")
def of_another_metric(goal: str, judged: str) -> str:
    return f"the goal is about {goal}, and the network is judged by {judged}: ask for that"


@fact(field="metric")
def no_number(metric: str) -> str:
    return (
        f"the original's {metric} is no number on the inputs that judge it, so nobody can say what "
        "is lost: choose other data, or another metric"
    )


@fact(field="locks")
def none_free() -> str:
    return (
        "no layer can be proposed a ratio: each is locked or not in the sensitivity scan; unlock "
        "one, or scan again"
    )
