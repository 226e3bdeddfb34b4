"""What is chosen of a pruning block by block, beside its plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pruneviz.allocate.names import refuse_unknown
from pruneviz.criteria import CRITERIA, check_fits
from pruneviz.granularity import GRANULARITIES
from pruneviz.plan import ONE_SHOT, Plan
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
    check_fits(plan.criterion, plan.granularity)
    needs = {kind for need in CRITERIA.get(plan.criterion).needs for kind in _kinds(need)}
    if needs & WHOLE_NETWORK:
        raise RefusedError(working.needs_whole_network(plan.criterion))
    if plan.scope != LAYER:
        raise RefusedError(working.scope_of_blocks(plan.scope))
    if plan.recovery or plan.schedule != ONE_SHOT:
        raise RefusedError(working.recovery_of_blocks())
    if plan.weights is not None:
        raise RefusedError(working.weights_of_blocks())


def check_layers(plan: Plan, inside: Iterable[str], outside: Iterable[str]) -> None:
    """Raise RefusedError where a plan asks something of layers that are in no block.

    `inside` and `outside` are the names of the tensors of all blocks, and of what is around them,
    which stays as it is: that it should, a plan may say.
    """
    within, around = _owners(inside), _owners(outside)
    for name in sorted({*plan.layers, *plan.locks}):
        layer = name.partition("[")[0]  # of a packed one, a part may be named
        if layer in around and plan.layers.get(name):
            raise RefusedError(working.layer_outside(name))
        if layer not in within | around:
            refuse_unknown(name, within, "a lock" if name in plan.locks else "a sparsity")


def _owners(tensors: Iterable[str]) -> set[str]:
    """Return the names of tensors, and of the layers that own them."""
    return {each for name in tensors for each in (name, name.rpartition(".")[0])}


def _kinds(need: str) -> tuple[str, ...]:
    """Return what a need of a criterion takes: gradients are no statistic of their own."""
    return ("derivatives",) if need == "gradients" else STATISTICS.get(need).needs
