"""Attributions by taking parts of the input away."""

from __future__ import annotations

import torch
from torch import Tensor

from pruneviz.explain.method import METHODS, Answer, Question
from pruneviz.registry import Parameter


@METHODS.register(
    name="feature_ablation",
    title="Feature Ablation",
    family="ablation",
    sentence="How much the answer falls when one patch, feature or token becomes average.",
    formula="f(x) − f(x with the patch set to x₀)",
    source="https://arxiv.org/abs/1311.2901",
    parameters=(
        Parameter(
            name="patches",
            default=8,
            minimum=2,
            maximum=32,
            help="Patches along each side of an image, or stretches of each channel of a series; "
            "features of a table and tokens of a text go one by one.",
        ),
    ),
)
def feature_ablation(question: Question) -> Answer:
    """Return each part's fall, spread over the input values of the part."""
    from captum.attr import FeatureAblation

    if question.tokens:
        mask = torch.arange(question.x.shape[1])[:, None].expand_as(question.x)
    else:
        mask = patches(question.x, int(question.settings["patches"]), question.axis)
    with torch.no_grad():
        values = FeatureAblation(question.answer).attribute(
            question.x,
            baselines=question.average,
            feature_mask=mask,
            perturbations_per_eval=question.batch,
        )
    several = question.tokens or question.x.dim() == 4
    channels = question.x.shape[question.axis] if several else 1
    return Answer(values=values / channels)  # summed over channels it is the patch's fall again


def patches(x: Tensor, along: int, axis: int = 1) -> Tensor:
    """Return the part to which each input value belongs, (1, …).

    These are a grid of patches, stretches of each channel of a series, or the features.
    """
    if x.dim() == 3:
        channels, steps = x.shape[axis], x.shape[3 - axis]
        stretches = torch.arange(steps) * min(along, steps) // steps
        parts = torch.arange(channels)[:, None] * min(along, steps) + stretches  # (C, steps)
        return parts.movedim(0, axis - 1)[None].contiguous()
    if x.dim() != 4:
        return torch.arange(x[0].numel()).reshape(x.shape)
    height, width = x.shape[-2:]
    rows = torch.arange(height) * min(along, height) // height
    columns = torch.arange(width) * min(along, width) // width
    grid = rows[:, None] * (int(columns.max()) + 1) + columns  # (H, W)
    return grid.expand(x.shape).clone()
