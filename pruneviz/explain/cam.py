"""Attributions from the last map of features that still knows where things are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from pruneviz.explain.method import METHODS, Answer, Question


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

    layer = last_convolution(question.model, question.x)
    maps = LayerGradCam(question.model, layer).attribute(
        question.x, target=question.target, relu_attributions=True
    )  # (1, 1, h, w)
    size = tuple(question.x.shape[-2:])
    values = interpolate(maps.detach(), size, mode="bilinear", align_corners=False)
    # shared among the input's channels, so that their sum is the map
    return Answer(values=values.expand(question.x.shape) / question.x.shape[1])


def last_convolution(model: nn.Module, x: Tensor) -> nn.Module:
    """Return the convolution that runs last and still has places; ValueError if none."""
    found: list[nn.Module] = []

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        if output.dim() == 4 and output[0, 0].numel() > 1:
            found.append(module)

    handles = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, nn.Conv2d)]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise ValueError(
            "Grad-CAM needs a convolution that keeps places apart, and this network has none; "
            "choose a gradient method, such as Integrated Gradients"
        )
    return found[-1]
