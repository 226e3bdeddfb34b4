"""In how many rounds the units go: one schedule is one formula."""

from __future__ import annotations

from collections.abc import Callable

from pruneviz.plan import ONE_SHOT
from pruneviz.registry import Parameter, Registry

Schedule = Callable[..., tuple[float, ...]]  # (**settings) → the fraction gone after each round
SCHEDULES: Registry[Schedule] = Registry("schedule")

ROUNDS = Parameter(
    name="rounds",
    default=2,
    help="How many times it prunes and then recovers; more rounds prune more gently and want more "
    "epochs.",
    minimum=1,
    maximum=1000,
)


@SCHEDULES.register(
    name=ONE_SHOT,
    title="At once",
    family="schedule",
    sentence="Everything goes at once, then what is left recovers: the quickest way, and good "
    "where little is removed.",
    formula="sparsity₁ = s",
    source="Li et al. 2016, arXiv 1608.08710",
)
def one_shot() -> tuple[float, ...]:
    """Return the fraction of the final sparsity after the only round: all of it."""
    return (1.0,)


@SCHEDULES.register(
    name="linear",
    title="In equal rounds",
    family="schedule",
    sentence="Every round removes the same share and then recovers; for high sparsities, where "
    "removing all at once loses too much.",
    formula="sparsityₖ = s · k / n",
    source="Han et al. 2015, arXiv 1506.02626",
    parameters=(ROUNDS,),
)
def linear(rounds: int) -> tuple[float, ...]:
    """Return the fraction of the final sparsity after each round, rising in equal steps to 1."""
    return tuple(k / rounds for k in range(1, rounds + 1))


@SCHEDULES.register(
    name="cubic",
    title="First much, then little",
    family="schedule",
    sentence="The first rounds, while much is superfluous, remove most; the last ones little, so "
    "that the network can follow.",
    formula="sparsityₖ = s · (1 − (1 − k / n)³)",
    source="Zhu and Gupta 2017, arXiv 1710.01878",
    parameters=(ROUNDS,),
)
def cubic(rounds: int) -> tuple[float, ...]:
    """Return the fraction of the final sparsity after each round, in ever smaller steps to 1."""
    return tuple(1.0 - (1.0 - k / rounds) ** 3 for k in range(1, rounds + 1))
