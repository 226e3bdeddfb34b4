"""What a user must know of a proposal of ratios, and what holds it where it is."""

from __future__ import annotations

from pruneviz.wording.fact import fact


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
