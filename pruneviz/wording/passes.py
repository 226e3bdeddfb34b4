"""How a network's passes were computed, and what that makes of its numbers."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact()
def drawn() -> str:
    return (
        "its answers are drawn at random, also in eval mode, so each pass comes to other numbers "
        "and no two runs agree exactly: switch off what draws"
    )


@fact()
def not_fixed() -> str:
    return f"Accuracy, losses and scores of this network are not fixed: {drawn()}."


@fact()
def writes_itself() -> str:
    return "it changes its own weights or buffers as it answers, so each pass is computed in full"


@fact()
def reads_past() -> str:
    return (
        "its code depends on more than torch's operators show (it reads values past them, or "
        "counts its calls), so each pass is computed in full"
    )


@fact()
def draws_in_vain() -> str:
    return (
        "it draws numbers at random, also in eval mode, though they changed no answer that was "
        "looked at, so each pass is computed in full"
    )


@fact()
def nothing_reused(why: Fact) -> str:
    return f"nothing is reused of this network: {why}"


@fact()
def over_budget(megabytes: float) -> str:
    return (
        f"a budget of {megabytes:.3g} MB does not hold all values that could be reused: some were "
        "computed again, which takes longer"
    )


@fact()
def over_the_app_s_budget(found: Fact) -> str:
    return f"{found}; start the app with more by pruneviz app --memory-mb"


@fact()
def reused_nothing(passes: int) -> str:
    return f"{passes} passes could reuse nothing and were computed in full"
