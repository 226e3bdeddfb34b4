"""Cached work of the page Sensitivity: what each block of the original changes."""

from __future__ import annotations

from pruneviz.analyses.influence import MOST_INPUTS, BlockInfluence, block_influences
from pruneviz.granularity.bypassable import read_bypass
from pruneviz.plan import Plan
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.keys import subject_key


@cached(subject_key, spinner="Measuring what each block changes …")
def influences(plan: Plan) -> tuple[BlockInfluence, ...]:
    """Return the influence of each residual block of the original."""
    return block_influences(cache.subject(plan))


def inputs(plan: Plan) -> int:
    """Return on how many calibration inputs it is measured."""
    data = cache.subject(plan).data
    return min(MOST_INPUTS, len(data.calibration_y)) if data is not None else 0


def seconds(plan: Plan) -> float:
    """Return how long it takes at most, by the original's speed."""
    return 2 * inputs(plan) * cache.original(plan).seconds_per_input


def left_out(plan: Plan) -> frozenset[str]:
    """Return the paths of the blocks that a plan leaves out; none where it cannot be carried out.

    The strip says why it cannot.
    """
    if not cache.is_possible(plan):
        return frozenset()
    return frozenset(read_bypass(each)[0] for each in cache.pruned(plan).bypassed)
