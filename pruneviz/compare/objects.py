"""What becomes of each thing that is there: found by both networks, lost, or found by one anew."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from pruneviz.compare.boxes import found_boxes
from pruneviz.metrics.boxes import SIZES, of_sizes, overlaps
from pruneviz.tasks import IGNORED
from pruneviz.tasks.detection import TOLD_APART, Detection

SCORED = slice(1, None)  # of SIZES: those that are not any size


@dataclass(frozen=True, eq=False)
class Changes:
    """Boxes of one input, each (k, 6): corners, a score and the class.

    `kept` are true boxes that both networks find, with the pruned network's score, `lost` those
    that the original alone finds, with its score, `new` those that the pruned network alone finds.
    `wrong` is what the pruned network answers with, and the original does not, that is nowhere
    there. `unseen` counts the true boxes that neither finds.
    """

    kept: Tensor
    lost: Tensor
    new: Tensor
    wrong: Tensor
    unseen: int


def changes(before: Tensor, after: Tensor, true: Tensor, least: float) -> Changes:
    """Return what becomes of true boxes (G, 5) and of answers (D, 6) of a score from `least`."""
    first, second = seen(before[None], after[None], true[None], least)
    there = true[:, 4] >= 0
    was, now = first[0] & there, second[0] & there
    mistakes = [found_boxes(each, true, least).wrong for each in (before, after)]
    again = _scores(mistakes[1][:, [0, 1, 2, 3, 5]], mistakes[0]) > 0
    return Changes(
        kept=_scored(true[was & now], after),
        lost=_scored(true[was & ~now], before),
        new=_scored(true[now & ~was], after),
        wrong=mistakes[1][~again],
        unseen=int((there & ~was & ~now).sum()),
    )


def seen(before: Tensor, after: Tensor, true: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """Return which true boxes (N, G, 5) each network finds with scores from `least`, (N, G)."""
    found = []
    for answers in (before, after):
        sure = answers.clone()
        sure[..., 5][answers[..., 4] < least] = IGNORED
        found.append(Detection().tally(sure, true)["found"][:, :, 0, 0])  # any size, half shared
    return found[0], found[1]


def lost_objects(before: Tensor, after: Tensor, true: Tensor, least: float) -> pd.DataFrame:
    """Return one row for each true box that the original alone finds, the surest first.

    Answers are (N, D, 6), `true` (N, G, 5). Columns: index (of the input), class, x1, y1, x2, y2,
    size (small, medium, large), area in square pixels, original, and pruned: the highest score
    that each gives to a box of that class there, 0 where it gives none.
    """
    was, now = seen(before, after, true, least)
    rows = []
    for index, box in (was & ~now).nonzero().tolist():
        wanted = true[index, box]
        sized = of_sizes(wanted[:4].double())[SCORED]
        x1, y1, x2, y2, label = wanted.tolist()
        rows.append(
            {
                "index": index, "class": int(label), "x1": x1, "y1": y1, "x2": x2, "y2": y2,
                "size": [*SIZES][SCORED][int(sized.int().argmax())],
                "area": (x2 - x1) * (y2 - y1),
                "original": float(_scores(wanted[None], before[index])),
                "pruned": float(_scores(wanted[None], after[index])),
            }
        )  # fmt: skip
    columns = ["index", "class", "x1", "y1", "x2", "y2", "size", "area", "original", "pruned"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("original", ascending=False, kind="stable", ignore_index=True)


def _scores(wanted: Tensor, answered: Tensor) -> Tensor:
    """Return the highest score of a box of the class that shares a half with each (k, 5), (k,)."""
    same = overlaps(wanted[:, :4].double(), answered[:, :4].double()) >= TOLD_APART
    same &= wanted[:, 4:5] == answered[:, 5]
    none = answered.new_zeros(len(wanted), 1)
    scores = torch.where(same, answered[:, 4], answered.new_zeros(()))
    return torch.cat([scores, none], 1).amax(1)


def _scored(true: Tensor, answered: Tensor) -> Tensor:
    """Return true boxes (k, 5) with a network's score for each before the class, (k, 6)."""
    return torch.cat([true[:, :4], _scores(true, answered)[:, None], true[:, 4:]], 1)
