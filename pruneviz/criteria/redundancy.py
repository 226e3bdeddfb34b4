"""Importance from what other filters of the layer do already; no data needed."""

from collections.abc import Callable

import torch
from torch import Tensor

from pruneviz.criteria.criterion import CRITERIA, Evidence
from pruneviz.criteria.reduce import reduce_layers
from pruneviz.granularity.units import Units
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing


def _by_filter(
    criterion: str, units: Units, evidence: Evidence, score: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the mean over each unit of its filters' scores; `score` takes (outputs, weights).

    ValueError for whole blocks: what their filters say twice is not what the blocks do.
    """
    if units.places:
        raise RefusedError(choosing.no_filters(criterion))

    def values(name: str) -> Tensor:
        layer = evidence.layer(name)
        filters = layer.matrix(evidence.weights[name]).flatten(0, 1)
        return layer.by_output(score(filters))

    return reduce_layers(units, evidence, values)


@CRITERIA.register(
    name="fpgm",
    title="Geometric median (FPGM)",
    family="redundancy",
    sentence="Filters near the middle of all others can be replaced by them, so they go first.",
    formula="mean over j of ‖wᵢ − wⱼ‖₂ over the layer's filters",
    source="He et al. 2019, arXiv 1811.00250",
    cost="weights",
    never=("depth",),
)
def fpgm(units: Units, evidence: Evidence) -> Tensor:
    """Return the mean distance of each unit's filters to all filters of their layer.

    The paper sums; the mean ranks a layer alike and compares layers of different widths.
    Torch-Pruning squares the weights first, so that signs are lost; here, as in the paper, not.
    """
    return _by_filter("fpgm", units, evidence, _mean_distance)


def _mean_distance(filters: Tensor) -> Tensor:
    exact = filters.double()  # distances by products of matrices cancel digits
    return torch.cdist(exact, exact).mean(1).to(filters.dtype)


@CRITERIA.register(
    name="similarity",
    title="Similarity",
    family="redundancy",
    sentence="A filter that points the same way as another one says nothing new.",
    formula="1 − max over j ≠ i of cos(wᵢ, wⱼ)",
    source="RoyChowdhury et al. 2017; Ayinde et al. 2019",
    cost="weights",
    never=("depth",),
)
def similarity(units: Units, evidence: Evidence) -> Tensor:
    """Return how far each unit's filters are from their most similar one, 0 to 2.

    A filter of zeros says nothing, 0; a filter alone in its layer is as far as can be from none, 1.
    """
    return _by_filter("similarity", units, evidence, _distance_to_nearest)


def _distance_to_nearest(filters: Tensor) -> Tensor:
    norms = filters.norm(dim=1)
    tiny = torch.finfo(filters.dtype).tiny
    unit = filters / norms.clamp_min(tiny)[:, None]
    cosines = (unit @ unit.T).fill_diagonal_(-torch.inf if len(filters) > 1 else 0.0)
    return torch.where(norms > 0, (1 - cosines.amax(1)).clamp_min(0), 0.0)
