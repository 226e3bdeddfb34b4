"""On which images a pruned model's masks are worse than the original's, and in which class."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from pruneviz.metrics.segmentation import over_union, regions
from pruneviz.tasks.segmentation import Segmentation

NO_CLASS = -1


def worsened_masks(
    before: Mapping[str, Tensor], after: Mapping[str, Tensor], target: Tensor
) -> pd.DataFrame:
    """Return one row an image, what lost most of its right pixels first; masks (N, H, W).

    Columns: index (into the images); original and pruned, the share of judged pixels that is right,
    and change; original_iou and pruned_iou, the mean over the classes that an image shows or is
    answered with; most_lost, the class of which most right pixels went, NO_CLASS where none did.
    NaN where no pixel is judged.
    """
    task = Segmentation()
    first, second = (task.tally(each, target) for each in (before, after))
    shares = [each["correct"].double() / each["pixels"] for each in (first, second)]
    gone, where = (first["intersections"] - second["intersections"]).max(1)
    table = pd.DataFrame(
        {
            "index": range(len(target)),
            "original": shares[0].numpy(),
            "pruned": shares[1].numpy(),
            "change": (shares[1] - shares[0]).numpy(),
            "original_iou": over_union(regions(first)).numpy(),
            "pruned_iou": over_union(regions(second)).numpy(),
            "most_lost": torch.where(gone > 0, where, NO_CLASS).numpy(),
        }
    )
    return table.sort_values("change", kind="stable", ignore_index=True)


def largest_class(before: Mapping[str, Tensor]) -> int:
    """Return the class of most judged pixels of all images together."""
    return int(before["labelled"].sum(0).argmax())
