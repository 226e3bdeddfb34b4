"""How much each residual block changes what passes through it, along a network's depth."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pruneviz.granularity import GRANULARITIES
from pruneviz.network.inputs import first_input
from pruneviz.statistics import Samples, StatisticRequest, collect
from pruneviz.statistics.block_influence import blocks_of
from pruneviz.subjects import Subject, plainly
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

STATISTIC = "block_influence"
MOST_INPUTS = 64  # at equal distances among the calibration inputs
AT_ONCE = 8  # so that the logits of as many long texts fit


@dataclass(frozen=True)
class BlockInfluence:
    """A block by its path, the stage it is of, and 1 − the mean cosine of what goes in and out."""

    block: str
    stage: str
    influence: float


def block_influences(subject: Subject, most: int = MOST_INPUTS) -> tuple[BlockInfluence, ...]:
    """Return the influence of each residual block of the original, 0 to 2, in forward order.

    Men et al. 2024 (ShortGPT), arXiv 2403.03853, on `most` calibration inputs at most. () where the
    network has no block that can be left out; RefusedError without data.
    """
    subject = plainly(subject)
    data = subject.data
    if data is None or not len(data.calibration_y):
        raise RefusedError(analysing.influence_without_data())
    find = GRANULARITIES.get("depth").implementation
    stages, _ = find(subject.model, first_input(subject.example))
    if not stages:
        return ()
    given = Samples(x=data.calibration_x, y=data.calibration_y, classes=data.classes).spread(most)
    asked = StatisticRequest(
        criterion=STATISTIC, model=subject.model, example=subject.example, units=stages,
        given=replace(given, at_once=AT_ONCE), task=subject.task,
    )  # fmt: skip
    table = collect((STATISTIC,), asked)[STATISTIC]
    return tuple(
        BlockInfluence(block, stage.name, float(value))
        for stage in stages
        for block, value in zip(blocks_of(stage), table[stage.name], strict=True)
    )
