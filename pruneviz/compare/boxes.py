"""Which boxes that a network answers with are right, which are wrong, and which it misses."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pruneviz.metrics.boxes import matched
from pruneviz.tasks import IGNORED


@dataclass(frozen=True, eq=False)
class Found:
    """Boxes of one input: those answered, (k, 6) as `Detection` keeps them, and those missed.

    A box is right where it is matched with a true one of its class at an overlap of a half, as
    mAP at an IoU of 0.5 counts it. `missed` are the true ones that none is matched with, (k, 5).
    """

    right: Tensor
    wrong: Tensor
    missed: Tensor


def found_boxes(answered: Tensor, true: Tensor, least: float) -> Found:
    """Return what becomes of answered (D, 6) and true (G, 5) boxes, for scores from `least`."""
    kept = answered[(answered[:, 5] != IGNORED) & (answered[:, 4] >= least)]
    hits, found = matched(kept[None, :, :4], kept[None, :, 5], true[None])
    right, seen = hits[0, :, 0], found[0, :, 0, 0]  # at the first overlap, of any size
    return Found(kept[right], kept[~right], true[~seen & (true[:, 4] >= 0)])
