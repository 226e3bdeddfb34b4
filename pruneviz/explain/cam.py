"""Attributions from the last map of features that still knows where things are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.modules.conv import _ConvNd

from pruneviz.explain.method import METHODS, Answer, Question
from pruneviz.network.inputs import call
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import explaining

ENLARGED = {3: "linear", 4: "bilinear"}  # how maps become as large as inputs of so many axes


@METHODS.register(
    name="grad_cam",
    title="Grad-CAM",
    family="activation",
    sentence="Where the last convolution sees something that speaks for the answer.",
    formula="ReLU(Σₖ mean(∂f/∂Aₖ) · Aₖ)",
    source="https://arxiv.org/abs/1610.02391",
    needs=("gradients",),
)
def grad_cam(question: Question) -> Answer:
    """Return the last convolution's weighted maps, enlarged to the input's size."""
    from captum.attr import LayerGradCam

    x, axis = question.x, question.axis
    layer = last_convolution(question.model, x)
    maps = LayerGradCam(question.answer, layer).attribute(
        x, relu_attributions=True
    )  # (1, 1, h, w), or (1, 1, l) of a series
    size = [length for place, length in enumerate(x.shape) if place not in (0, axis)]
    values = interpolate(maps.detach(), size, mode=ENLARGED[x.dim()], align_corners=False)
    # shared among the input's channels, so that their sum is the map
    return Answer(values=values.movedim(1, axis).expand(x.shape) / x.shape[axis])


def last_convolution(model: nn.Module, x: Tensor) -> nn.Module:
    """Return the convolution that runs last and has the input's places; ValueError if none."""
    found: list[nn.Module] = []

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        if output.dim() == x.dim() in ENLARGED and output[0, 0].numel() > 1:
            found.append(module)

    handles = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, _ConvNd)]
    try:
        with torch.no_grad():
            call(model, x)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise RefusedError(explaining.no_convolution())
    return found[-1]
