"""By value: what scores below a threshold or a percentile goes, however much that is."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pruneviz.allocate.request import OVERALL, SCOPES, WIDTHS, Counts, Request, exact_count
from pruneviz.registry import Parameter
from pruneviz.wording import amounts


@SCOPES.register(
    name="threshold",
    title="Threshold",
    family="threshold",
    sentence="Every score below a value goes, so the value decides the amount: a value of its own, "
    "or times the root mean square of the layer's scores, which for |w| is the standard deviation "
    "of its weights around zero.",
    formula="remove u < t, or u < t · √(mean u²) of the layer",
    source="Han et al. 2015, arXiv 1506.02626",
    parameters=(
        Parameter(
            name="value",
            label="Threshold",
            default=0.5,
            minimum=0.0,
            help="The threshold t. Scores depend on the criterion: look at them first.",
        ),
        Parameter(
            name="relative",
            label="Relative to each layer",
            default=True,
            help="Times the root mean square of the layer's scores, so it suits every layer.",
        ),
        *WIDTHS,
    ),
)
def threshold(request: Request, value: float = 0.5, relative: bool = True) -> Counts:
    """Return how many units of each layer score below the threshold, locked ones apart."""
    counts = {}
    for name in request.free():
        size = request.ranking.fact(name, "root mean square", root_mean_square)
        counts[name] = _below(request, name, value * size if relative else value)
    return counts


def root_mean_square(scores: Tensor) -> float:
    """Return √(mean u²)."""
    return float(torch.linalg.vector_norm(scores, dtype=torch.float64)) / math.sqrt(len(scores))


@SCOPES.register(
    name="percentile",
    title="Percentile",
    family=OVERALL,
    sentence="What scores below a percentile goes: the overall amount says which one, of all "
    "layers together or of each; equal scores at the percentile stay together.",
    formula="remove u < the s-quantile of u",
    source="Blalock et al. 2020, arXiv 2003.03033",
    parameters=(
        Parameter(
            name="over",
            label="Percentile of",
            default="network",
            choices=("network", "layer"),
            help="Whose percentile: that of all scores together, or each layer's own.",
        ),
        *WIDTHS,
    ),
)
def percentile(request: Request, over: str = "network") -> Counts:
    """Return how many units of each layer score below the percentile, locked ones apart."""
    names = request.free()
    ranking = request.ranking
    if over == "layer":
        values = {n: _quantile(request, {n: ranking.within(n)}) for n in names}
    else:
        across = ranking.across()
        own = sum(request.counts[n] for n in request.own)
        alone = {n: across[n] for n in names} if not own else _ranked_anew(request, names)
        values = dict.fromkeys(names, _quantile(request, alone))
    asked = sum(exact_count(request.sparsity, request.counts[n]) for n in names)
    counts = {name: _below(request, name, values[name]) for name in names}
    going = sum(counts.values())
    if going < asked - len(names):
        request.notes.append(amounts.below_percentile(going, asked))
    return counts


def _quantile(request: Request, ranks: dict[str, np.ndarray]) -> float:
    """Return the score of the first unit that stays when the asked fraction of some layers goes."""
    place = exact_count(request.sparsity, sum(len(each) for each in ranks.values()))
    for name, each in ranks.items():
        found = np.flatnonzero(each == place)
        if len(found):
            return float(request.ranking.order(name)[int(found[0])])
    return math.inf


def _ranked_anew(request: Request, names: list[str]) -> dict[str, np.ndarray]:
    """Return the ranks across some layers, without those of the layers set by hand."""
    across = request.ranking.across()
    others = np.sort(np.concatenate([across[name] for name in request.own]))
    return {n: across[n] - np.searchsorted(others, across[n]).astype(np.int32) for n in names}


def _below(request: Request, name: str, value: float) -> int:
    """Return how many unlocked units of a layer score below a value, no more than can go."""
    low = request.ranking.order(name).numpy() < value
    locked = request.locked[name]
    count = int(np.count_nonzero(low)) - int(np.count_nonzero(low[locked]))
    return request.limited(name, min(count, request.removable(name)) if len(locked) else count)


__all__ = ["percentile", "root_mean_square", "threshold"]
