"""Counts in, units out: exactly so many go of each layer, or by one ranking of all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pruneviz.allocate.request import ACROSS, Counts, Request
from pruneviz.allocate.widths import rounded

Kept = dict[str, Tensor]


def chosen(request: Request, fixed: Counts, decided: Counts) -> Kept:
    """Return which units stay of each layer, bool (count,).

    `fixed` are the counts of the layers set by hand, `decided` those of a scope.
    """
    if ACROSS in decided:
        keep = _keep_across(request, fixed, decided[ACROSS])
    else:
        removed = {**fixed, **decided}
        keep = {name: _keep_within(request, name, removed[name]) for name in request.counts}
    if request.multiple > 1:
        decided = {name: int((~keep[name]).sum()) for name in request.free()}
        for name, count in rounded(request, decided).items():
            if count != decided[name]:
                keep[name] = _keep_within(request, name, count)
    return {name: torch.from_numpy(mask) for name, mask in keep.items()}


def _keep_within(request: Request, name: str, count: int) -> np.ndarray:
    """Return which units of a layer stay when `count` go: the lowest ranks that are not locked."""
    ranks = request.ranking.within(name)
    protected = np.sort(ranks[request.locked[name]])
    keep = ranks >= _threshold(count, protected)
    keep[request.locked[name]] = True
    return keep


def _keep_across(request: Request, fixed: Counts, count: int) -> dict[str, np.ndarray]:
    """Return which units stay when `count` go by global rank, own sparsities apart."""
    across = request.ranking.across()
    protected = [across[name] for name in fixed]
    spared = {name: _spared(request, name, across) for name in request.free()}
    protected += [across[name][units] for name, units in spared.items()]
    threshold = _threshold(count, np.sort(np.concatenate([*protected, np.zeros(0, np.int32)])))
    keep = {}
    for name in request.counts:
        if name in fixed:
            keep[name] = _keep_within(request, name, fixed[name])
        else:
            keep[name] = across[name] >= threshold
            keep[name][spared[name]] = True
    return keep


def _spared(request: Request, name: str, across: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the units of a layer that no ranking may take: the locked, and the best ones."""
    locked, least = request.locked[name], request.least[name]
    if len(locked) >= least or least <= _spared_by_rule(request, name):
        return locked  # what a rule spares is last in the ranking already
    if least == 1:
        return np.asarray([int(across[name].argmax())])
    ranks = across[name].copy()
    ranks[locked] = np.iinfo(ranks.dtype).max
    return np.argpartition(ranks, -least)[-least:]


def _spared_by_rule(request: Request, name: str) -> int:
    """Return how many units of a layer its rule alone lets stay; -1 without a rule."""
    rule = request.ranking.rules.get(name)
    return -1 if rule is None else request.counts[name] // rule.of * rule.stay


def _threshold(count: int, protected: np.ndarray) -> int:
    """Return the rank below which exactly `count` units are not among the (sorted) protected."""
    threshold = count
    while True:
        raised = count + int(np.searchsorted(protected, threshold, "left"))
        if raised == threshold:
            return threshold
        threshold = raised


__all__ = ["Kept", "chosen"]
