"""Which answered boxes are of which true boxes, as COCO matches them."""

from __future__ import annotations

import torch
from torch import Tensor

OVERLAPS = torch.linspace(0.5, 0.95, 10).double()  # in single precision, as torchmetrics has them
SIZES = {"any": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2),
         "large": (96.0**2, 1e10)}  # areas in square pixels, both ends within  # fmt: skip
BARELY = 1e-10  # of an overlap of 1, which rounding may miss


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Return intersection over union of boxes x1, y1, x2, y2: (…, D, 4), (…, G, 4) → (…, D, G)."""
    low = torch.maximum(boxes[..., :, None, :2], others[..., None, :, :2])
    high = torch.minimum(boxes[..., :, None, 2:], others[..., None, :, 2:])
    both = (high - low).clamp_min(0).prod(-1)
    either = _areas(boxes)[..., :, None] + _areas(others)[..., None, :] - both
    shares: Tensor = both / either.where(either > 0, 1.0)
    return shares


def of_sizes(boxes: Tensor) -> Tensor:
    """Return of which of SIZES boxes (…, 4) are, (…, 4) bool; of two where one ends."""
    areas = _areas(boxes)[..., None]
    low, high = torch.tensor([*SIZES.values()], dtype=areas.dtype, device=areas.device).T
    within: Tensor = (areas >= low) & (areas <= high)
    return within


def matched(boxes: Tensor, classes: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Return which answered boxes are hits, (N, D, 10), and which true ones found, (N, G, 4, 10).

    Boxes (N, D, 4) with classes (N, D) are in order of their scores, the highest first, `true` is
    (N, G, 5) with the class last; a class below 0 is none. At each of OVERLAPS an answered box is
    of the free true box of its class that it overlaps most, of several the last; of a size, of one
    of that size before any other (Lin et al. 2014, arXiv 1405.0312, in the evaluation published
    with it). Hits are those of any size, found ones are told for each of SIZES.
    """
    given, judged = true[..., :4].double(), true[..., 4] >= 0
    same = (classes[:, :, None] == true[:, None, :, 4]) & judged[:, None, :]
    shared = overlaps(boxes.double(), given).masked_fill(~same, 0.0)  # (N, D, G)
    firsts = OVERLAPS.to(boxes.device).clamp_max(1 - BARELY)
    able = (shared >= firsts[0]).any(2)  # of all others no match can come
    order = able.int().argsort(dim=1, descending=True, stable=True)[:, : int(able.sum(1).amax())]
    sized = of_sizes(given).transpose(1, 2) & judged[:, None, :]  # (N, 4, G)
    count, targets = len(true), true.shape[1]
    free = torch.ones(count, 4, len(firsts), targets, dtype=torch.bool, device=boxes.device)
    found = ~free
    hits = torch.zeros(*classes.shape, len(firsts), dtype=torch.bool, device=boxes.device)
    rows = torch.arange(count, device=boxes.device)
    for chosen in order.T:
        share = shared[rows, chosen][:, None, None]  # (N, 1, 1, G)
        rank = (share + 2.0 * sized[:, :, None]).where(free & (share >= firsts[:, None]), -1.0)
        best = targets - 1 - rank.flip(3).argmax(3, keepdim=True)
        taken = torch.zeros_like(free).scatter_(3, best, rank.amax(3, keepdim=True) > 0)
        free &= ~taken
        found |= taken
        hits[rows, chosen] |= taken[:, 0].any(2)
    return hits, (found & sized[:, :, None]).permute(0, 3, 1, 2)


def _areas(boxes: Tensor) -> Tensor:
    areas: Tensor = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    return areas
