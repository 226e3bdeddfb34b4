"""What is chosen of a pruning block by block, beside its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pruneviz.criteria import CRITERIA
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import Plan
from pruneviz.statistics import STATISTICS
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

Inputs = Literal["pruned", "original"]
INPUTS: tuple[Inputs, ...] = ("pruned", "original")
LAYER = "layer"  # the scope in which each layer loses the same share
WHOLE_NETWORK = {"labels", "derivatives", "classes", "norms"}  # what no block knows by itself


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How many windows of the text are looked at, and what each block is calibrated on.

    `inputs` "pruned" are what the blocks before it answer once they are pruned, as SparseGPT and
    Wanda have it; "original" what they answered before, as where the network is pruned whole.
    `judged` windows of the text's last quarter give the perplexity before and after; 0: none.
    """

    windows: int = 128
    judged: int = 32
    inputs: Inputs = "pruned"

    @classmethod
    def of(cls, *, windows: int, judged: int, inputs: str) -> Choices:
        """Return what was typed; RefusedError where there are no such inputs."""
        for known in INPUTS:
            if inputs == known:
                return cls(windows=windows, judged=judged, inputs=known)
        raise RefusedError(working.no_such_inputs(inputs, INPUTS))


def check_plan(plan: Plan) -> None:
    """Raise RefusedError where a plan asks for what no block can be pruned by on its own."""
    if GRANULARITIES.get(plan.granularity).family == "structured":
        raise RefusedError(working.widths_of_blocks(GRANULARITIES.get(plan.granularity).title))
    needs = {kind for need in CRITERIA.get(plan.criterion).needs for kind in _kinds(need)}
    if needs & WHOLE_NETWORK:
        raise RefusedError(working.needs_whole_network(plan.criterion))
    if plan.scope != LAYER:
        raise RefusedError(working.scope_of_blocks(plan.scope))
    if plan.recovery:
        raise RefusedError(working.recovery_of_blocks())


def _kinds(need: str) -> tuple[str, ...]:
    """Return what a need of a criterion takes: gradients are no statistic of their own."""
    return ("derivatives",) if need == "gradients" else STATISTICS.get(need).needs
