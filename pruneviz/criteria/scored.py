"""A network's units scored by a criterion: what it asks for is measured first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence, score
from pruneviz.network.duplicate import sharing
from pruneviz.network.folding import folded
from pruneviz.statistics import StatisticRequest, check, collect, gradients, needs_derivatives
from pruneviz.wording import Fact, RefusedError, judged
from pruneviz.wording.refusals import choosing

BATCH_BY_BATCH = "gradients"


@dataclass(frozen=True)
class Scored:
    """Each layer's scores by units name, (count,), what they were made from, and notes on them."""

    scores: Mapping[str, Tensor]
    evidence: Evidence
    notes: tuple[Fact, ...] = ()


def check_fits(criterion: str, granularity: str) -> None:
    """Raise ValueError for a criterion that does not rank the units of a granularity."""
    entry = CRITERIA.get(criterion)
    if entry.fits(granularity):
        return
    if entry.only == ("expert",):
        raise RefusedError(choosing.experts_alone(criterion))
    if entry.only:
        raise RefusedError(choosing.blocks_alone(criterion))
    if granularity == "expert":
        raise RefusedError(choosing.no_refusing_router(criterion))
    raise RefusedError(choosing.no_filters(criterion))


def check_asked(asked: StatisticRequest) -> None:
    """Raise ValueError for what the criterion needs that is not there, before units are found."""
    check(CRITERIA.get(asked.criterion).needs, _apart(asked))


def _apart(asked: StatisticRequest) -> StatisticRequest:
    """Return what is asked, of a copy: gradients are those of weights that stand in it meanwhile.

    The model itself may be copied, cut or asked by another thread at the same moment.
    """
    return replace(asked, model=sharing(folded(asked.model)))


def score_asked(asked: StatisticRequest) -> Scored:
    """Score all units; ValueError says what the criterion needs that is not there.

    A criterion that looks at gradients scores every batch, and the mean of these counts.
    """
    asked = _apart(asked)
    needs = CRITERIA.get(asked.criterion).needs
    statistics = collect(needs, asked)
    weights = {name: p.detach() for name, p in asked.model.named_parameters()}
    evidence = Evidence(weights, {}, asked.seed, statistics, asked.layers)
    if BATCH_BY_BATCH not in needs:
        scores = score(asked.criterion, asked.settings, asked.units, evidence)
        return Scored(scores, evidence, _notes(asked, scores))
    total: dict[str, Tensor] = {}
    batches = 0
    shown = asked.samples
    for found in gradients(asked.task, asked.model, shown.x, shown.y, shown.at_once):
        batches += 1
        of_batch = replace(evidence, gradients=found)
        one = score(asked.criterion, asked.settings, asked.units, of_batch)
        total = {name: total.get(name, 0.0) + s.double() for name, s in one.items()}
    scores = {name: (s / batches).float() for name, s in total.items()}
    return Scored(scores, evidence, _notes(asked, scores))


def _notes(asked: StatisticRequest, scores: Mapping[str, Tensor]) -> tuple[Fact, ...]:
    """Return which layers no derivative tells apart, where the criterion looks at derivatives."""
    if not needs_derivatives(CRITERIA.get(asked.criterion).needs):
        return ()
    flat = [name for name, found in scores.items() if len(found) > 1 and not bool(found.any())]
    title = CRITERIA.get(asked.criterion).title
    return (judged.no_derivative(title, ", ".join(flat), len(flat)),) if flat else ()
