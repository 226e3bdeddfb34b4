"""In which order and in which batches inputs are looked at."""

from __future__ import annotations

import torch
from torch import Tensor

from pruneviz.network.inputs import Batch, tensors

SEED = 0
BATCH_BYTES = 2**20  # of inputs: what a batch computes stays near the processor
LEAST, MOST = 8, 256


def stratified(y: Tensor | None, samples: int) -> Tensor:
    """Return a fixed order of samples, (N,), in which each first part has the classes' shares.

    `y` is (N,), or None, and then the order is a fixed random one. Of each class, the j-th of n
    stands at (j + 1/2) / n of the way: proportional allocation (Neyman 1934,
    https://doi.org/10.2307/2342192).
    """
    order = torch.randperm(samples, generator=torch.Generator().manual_seed(SEED))
    if y is None:
        return order
    way = torch.zeros(samples, dtype=torch.float64)
    for label in y.unique():
        members = order[y[order] == label]
        way[members] = (torch.arange(len(members), dtype=torch.float64) + 0.5) / len(members)
    return order[torch.argsort(way[order], stable=True)]


def kept_together(order: Tensor, numbers: Tensor) -> Tensor:
    """Return an order of samples in which those of one number (N,) follow the first of them."""
    _, places = numbers[order].unique(return_inverse=True)
    first = torch.full((int(places.max()) + 1,), len(order))
    first = first.scatter_reduce(0, places, torch.arange(len(order)), "amin")
    return order[torch.argsort(first[places], stable=True)]


def hardest_first(logits: Tensor, y: Tensor) -> Tensor:
    """Return the order of samples, (N,), by the margin of the right class in logits (N, classes).

    What a network gets wrong, or only just right, comes first; ties in order of position.
    """
    own = logits.gather(1, y[:, None])
    others = logits.scatter(1, y[:, None], -torch.inf)
    margin = own[:, 0] - others.max(1)[0]
    return torch.argsort(margin.nan_to_num(-torch.inf), stable=True)


def batch_size_for(x: Batch) -> int:
    """Return how many inputs of `x`, (N, …), are looked at together: a power of two, 8 to 256.

    About a megabyte of them.
    """
    each = max(1, sum(leaf[:1].numel() * leaf.element_size() for leaf in tensors(x)))
    fitting = max(1, BATCH_BYTES // each)
    return int(min(MOST, max(LEAST, 2 ** (fitting.bit_length() - 1))))
