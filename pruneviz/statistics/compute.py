"""The statistics that a criterion asks for, computed together."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from pruneviz.network.inputs import tensors
from pruneviz.statistics.forward import hooked_pass
from pruneviz.statistics.layers import joined
from pruneviz.statistics.loss import check_derivatives, check_loss
from pruneviz.statistics.norms import scales
from pruneviz.statistics.responses import chosen
from pruneviz.statistics.statistic import (
    BATCH_SIZE,
    STATISTICS,
    Observer,
    StatisticRequest,
    Table,
)
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing


def needs_data(names: Iterable[str]) -> bool:
    """Return whether any of the statistics is taken from data."""
    return "data" in _kinds(names)


def needs_derivatives(names: Iterable[str]) -> bool:
    """Return whether any of the statistics is a derivative by weights or activations."""
    return "derivatives" in _kinds(names)


def _kinds(names: Iterable[str]) -> set[str]:
    return {kind for name in names for kind in STATISTICS.get(name).needs}


def _finite(x: Tensor) -> bool:
    parts = x.split(BATCH_SIZE) if x.ndim else (x,)  # some at a time: they may lie in a file
    return all(bool(torch.isfinite(part).all()) for part in parts)


def check(names: Iterable[str], asked: StatisticRequest) -> None:
    """Raise ValueError for what the statistics need and is not there; the units play no part.

    It runs the network on one sample at most.
    """

    kinds = _kinds(names)
    if "data" in kinds and not all(map(_finite, tensors(asked.samples.x))):
        raise RefusedError(choosing.inputs_not_finite(asked.criterion))
    looks = (
        ("norms", scales),
        ("labels", check_loss),
        ("derivatives", check_derivatives),
        ("classes", chosen),
    )
    for kind, look in looks:
        if kind in kinds:
            look(asked)


def collect(names: Iterable[str], asked: StatisticRequest) -> dict[str, Table]:
    """Return the statistics by name; ValueError says what they need that is not there.

    Those of the forward pass are taken in one pass together.
    """

    names = tuple(names)
    check(names, asked)
    made = {name: STATISTICS.get(name).implementation(asked) for name in names}
    observers = {name: each for name, each in made.items() if isinstance(each, Observer)}
    if observers:
        hooked_pass(asked, list(observers.values()))
    tables = {n: each.table() if isinstance(each, Observer) else each for n, each in made.items()}
    return {name: joined(table, asked.layers) for name, table in tables.items()}
