"""What a model says of the inputs it wants, so that data can be brought into that form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

SIDE = 224  # pixels, as ImageNet's images are cut
LENGTH = 128


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """How a model saw its inputs; None or () where it does not say.

    `shape` is that of one input, (C, H, W) or (F,). `resize` is the length in pixels that the
    shorter side gets before the centre is cut out; None squeezes the whole image into `shape`.
    `channels` are those that the first convolution takes, `colour` their order, or grey thrice.
    `series` says that three axes are (N, channels, steps), not grey images.
    """

    shape: tuple[int, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    resize: int | None = None
    interpolation: str = "bilinear"
    colour: Literal["rgb", "bgr", "grey"] = "rgb"
    channels: int | None = None
    series: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """A model as its source gave it, before anything was checked."""

    model: nn.Module
    title: str
    sentence: str
    weights_label: str
    expects: Expectation
    own_data: str | None = None
    notes: tuple[str, ...] = ()


def usual_shape(model: nn.Module) -> tuple[int, ...] | None:
    """Return a usual shape of one input of the model's first layer, or None for other layers.

    The layer gives the channels or features; height, width and length are customary ones.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            return layer.in_channels, SIDE, SIDE
        if isinstance(layer, nn.Conv1d):
            return layer.in_channels, LENGTH
        if isinstance(layer, nn.Linear):
            return (layer.in_features,)
        if isinstance(layer, nn.Embedding):
            return None  # it takes whole numbers, not the random ones of an example
    return None


def takes_series(model: nn.Module, shape: tuple[int, ...] | None) -> bool:
    """Whether one input of a model is a series, (channels, steps): as said, or by its first layer.

    A recurrent layer takes (steps, features).
    """
    if shape is not None:
        return len(shape) == 2
    kinds = (nn.Conv2d, nn.Conv3d, nn.Linear, nn.Embedding, nn.Conv1d, nn.RNNBase)
    first = next((module for module in model.modules() if isinstance(module, kinds)), None)
    return isinstance(first, nn.Conv1d | nn.RNNBase)


def image_channels(model: nn.Module) -> int | None:
    """Return how many channels the model's first two-dimensional convolution takes, if it has one.

    A first layer of another kind takes inputs of another kind.
    """
    usual = usual_shape(model)
    return usual[0] if usual is not None and len(usual) == 3 else None
