"""Metrics of masks: how answered and true regions of each class lie over one another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pruneviz.metrics.classification import STUDENT
from pruneviz.metrics.metric import METRICS, Metric, Tally
from pruneviz.metrics.rules import OfMeans


def regions(tally: Tally) -> Tensor:
    """Return the intersections and the unions of each class, (N, 2 · classes)."""
    return torch.cat([tally["intersections"].double(), tally["unions"].double()], 1)


def over_union(means: Tensor) -> Tensor:
    """Return intersection over union, averaged over the classes that have a union."""
    intersections, unions = means.chunk(2, 1)
    return _mean_ratio(intersections, unions)


def over_both(means: Tensor) -> Tensor:
    """Return twice the intersection over both regions, averaged over the classes with one."""
    intersections, unions = means.chunk(2, 1)
    return _mean_ratio(2 * intersections, unions + intersections)


def answered_right(places: str) -> Callable[[Tally], Tensor]:
    """Return what gives how many of an input's places are answered right, and how many are judged.

    `places` names the column of the latter; (N, 2).
    """
    return lambda tally: torch.stack([tally["correct"].double(), tally[places].double()], 1)


def right_of_all(means: Tensor) -> Tensor:
    """Return the share of places that are answered right."""
    return means[:, 0] / means[:, 1]


def _mean_ratio(above: Tensor, below: Tensor) -> Tensor:
    """Return the mean ratio of those with something below, (rows, classes) → (rows,)."""
    seen = below > 0
    return (above / below.where(seen, 1.0)).where(seen, 0.0).sum(1) / seen.sum(1)


METRICS.add(
    Metric(
        name="mean_iou",
        title="Mean IoU",
        family="function of means",
        sentence="How much of what is of a class or answered so is both, over all inputs together "
        "and averaged over the classes; where few inputs show a class, the interval is too short.",
        formula="mean over classes of Σ intersection / Σ union",
        source="Everingham et al. 2010, https://doi.org/10.1007/s11263-009-0275-4; interval: "
        f"{STUDENT}",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("intersections", "unions"),
        implementation=OfMeans(regions, over_union),
    )
)
METRICS.add(
    Metric(
        name="dice",
        title="Dice",
        family="function of means",
        sentence="How much of both the true and the answered region of a class they share, over "
        "all inputs together and averaged over the classes; where few inputs show a class, the "
        "interval is too short.",
        formula="mean over classes of 2 Σ intersection / Σ (true + answered)",
        source=f"Dice 1945, https://doi.org/10.2307/1932409; interval: {STUDENT}",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("intersections", "unions"),
        implementation=OfMeans(regions, over_both),
    )
)
for name, places, sentence in (
    ("pixel_accuracy", "pixels", "How many of the labelled pixels are answered right, over all "
     "inputs together; where one class fills most of them, it says little of the others."),
    ("token_accuracy", "tokens", "How many of the judged tokens are answered right, over all "
     "texts together; where most are of one class, it says little of the others."),
):  # fmt: skip
    METRICS.add(
        Metric(
            name=name,
            title=name.replace("_", " ").capitalize(),
            family="function of means",
            sentence=sentence,
            formula=f"Σ right / Σ {places}",
            source=f"Long et al. 2015, arXiv 1411.4038; interval: {STUDENT}",
            unit="fraction",
            better="higher",
            most=1.0,
            needs=("correct", places),
            implementation=OfMeans(answered_right(places), right_of_all),
        )
    )
