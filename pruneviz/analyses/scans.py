"""Scans of a prepared network: every level, thresholds, pairs of layers."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from pruneviz.allocate import Ranking
from pruneviz.granularity import Units
from pruneviz.granularity.depth import BlockUnits
from pruneviz.network.inputs import Batch
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.reuse import BUDGET_BYTES
from pruneviz.run import Prepared, removed
from pruneviz.sensitivity import LEVELS, Judge, Pairs, Point, Scan, Search
from pruneviz.sensitivity.layers import Remove
from pruneviz.sensitivity.pairs import LEVEL, PAIRS, all_pairs, number_asked
from pruneviz.sensitivity.refit import Refit, recalibration
from pruneviz.sensitivity.search import LOSS
from pruneviz.subjects import Data, Subject
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing


def scan(
    prepared: Prepared,
    levels: tuple[float, ...] | None = None,
    *,
    recalibrate: bool = False,
    seed: int = 0,
    budget_bytes: int = BUDGET_BYTES,
) -> Scan:
    """Return a sensitivity scan that has not begun; ValueError where there is no data.

    With `recalibrate`, BatchNorm statistics are taken anew after each pruning; ValueError where
    the model has none. `seed` decides what is drawn for that.
    """
    subject, data = prepared.subject, _data(prepared)
    refit = _refit(prepared, recalibrate, seed)
    given, removing = _given(prepared), _removing(prepared)
    judged = data.classes, refit, removing, subject.task, subject.metrics
    return Scan(*given, levels or LEVELS, budget_bytes, *judged, groups=data.groups)


def scan_of_blocks(prepared: Prepared, budget_bytes: int = BUDGET_BYTES) -> Scan:
    """Return a scan of each residual block left out alone, not begun, one point a block.

    ValueError where there is no data, or where units are no blocks.
    """
    subject, data = prepared.subject, _data(prepared)
    stages = [units for units in prepared.units if isinstance(units, BlockUnits)]
    if len(stages) < len(prepared.units):
        raise RefusedError(analysing.no_blocks(prepared.plan.granularity))
    units = tuple(block for stage in stages for block in stage.apart())
    ranking = Ranking({block.name: torch.zeros(1) for block in units})  # nothing to choose among
    judged = data.classes, None, _removing(prepared), subject.task, subject.metrics
    given = subject.model, units, ranking, data.x, data.y
    return Scan(*given, (1.0,), budget_bytes, *judged, groups=data.groups)


def search(
    prepared: Prepared,
    loss: float = LOSS,
    levels: tuple[float, ...] | None = None,
    budget_bytes: int = BUDGET_BYTES,
    *,
    recalibrate: bool = False,
    seed: int = 0,
) -> Search:
    """Return a search for where each layer loses `loss`, not begun; ValueError without data.

    It is of the subject's primary metric, in its unit: of accuracy a fraction. `recalibrate` and
    `seed` are those of `scan`.
    """
    refit = _refit(prepared, recalibrate, seed)
    given, removing = _given(prepared), _removing(prepared)
    subject, known = prepared.subject, prepared.baseline.answers
    judged = known, subject.task, subject.metrics[0]
    return Search(*given, levels or LEVELS, loss, budget_bytes, refit, removing, *judged)


def interactions(
    prepared: Prepared,
    level: float = LEVEL,
    pairs: int = PAIRS,
    seed: int = 0,
    budget_bytes: int = BUDGET_BYTES,
    *,
    recalibrate: bool = False,
) -> Pairs:
    """Return a scan of `pairs` pairs of layers at one level, not begun; ValueError without data.

    They are compared by accuracy; ValueError where inputs have not one label each. `recalibrate` is
    that of `scan`; `seed` also decides which pairs are drawn.
    """
    refit = _refit(prepared, recalibrate, seed)
    given, removing = _given(prepared), _removing(prepared)
    if not prepared.subject.task.labelled:
        raise RefusedError(analysing.pairs_by_labels())
    return Pairs(*given, level, pairs, seed, budget_bytes, refit, removing)


def pairs_asked(subject: Subject, plan: Plan, pairs: int) -> int:
    """Return the number of pairs of layers to ask for: all there are is one request, of any number.

    A number that cannot be, and one of a model without pairs, stay as they are.
    """
    if pairs < 1 or pairs == PAIRS:
        return pairs
    units, _ = find_units(
        subject.model, subject.example, plan.granularity, plan.granularity_parameters
    )
    return number_asked(pairs, all_pairs(len(units))) if len(units) > 1 else pairs


def _refit(prepared: Prepared, recalibrate: bool, seed: int) -> Refit | None:
    """Return what a scan does to each network; ValueError where the model has no BatchNorm."""
    if not recalibrate:
        return None
    subject = prepared.subject
    return recalibration(subject.model, _data(prepared), seed, subject.task)


def _removing(prepared: Prepared) -> Remove:
    """Return what makes a scan's networks: the way that `prune` makes them."""
    frozen = prepared.subject.frozen
    return partial(removed, plan=prepared.plan, evidence=prepared.evidence, frozen=frozen)


def baseline_point(prepared: Prepared) -> Point:
    """Return the original's own point of a scan, at sparsity 0; ValueError without data."""
    data, answers, subject = _data(prepared), prepared.baseline.answers, prepared.subject
    assert answers is not None  # wherever there is data
    judged = data.classes, subject.task, subject.metrics, data.groups
    return Judge(answers, data.y, *judged).baseline


def _given(prepared: Prepared) -> tuple[nn.Module, tuple[Units, ...], Ranking, Batch, Tensor]:
    """Return what every scan is given: the network, what can go of it, inputs and targets."""
    data = _data(prepared)
    return prepared.subject.model, prepared.units, prepared.ranking, data.x, data.y


def _data(prepared: Prepared) -> Data:
    if prepared.subject.data is None:
        raise RefusedError(analysing.scan_without_data())
    return prepared.subject.data
