"""What a model says of the inputs it wants, so that data can be brought into that form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from math import prod
from typing import Literal

from torch import nn

from pruneviz.network.inputs import Given
from pruneviz.subjects.subject import Data
from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.tasks import Task
from pruneviz.wording import Fact

SIDE = 224  # pixels, as ImageNet's images are cut
LENGTH = 128
FRAMES = 16


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """How a model saw its inputs; None or () where it does not say.

    `shape` is that of one input, (C, H, W) or (F,). `resize` is the length in pixels that the
    shorter side gets before the centre is cut out; None squeezes the whole image into `shape`.
    `channels` are those that the first convolution takes, `colour` their order, or grey thrice.
    `first` is the model's first layer, which tells series from grey images. `tokens` says of how
    many tokens texts are made, where inputs are their numbers and `shape` is (places,), `places`
    how many a text may have, `padding` the token behind shorter ones, `tokenizer` what cuts them,
    and `tagged` that each word of a text has a class of its own. `beside`
    are how many inputs of that shape the model takes side by side, as frames of a film. `numbers`
    says that targets are numbers in place of labels; None leaves it to the data. `takes` are the
    parameters of the model's forward, each with whether it must be given.
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
    first: nn.Module | None = None
    tokens: int | None = None
    places: int | None = None
    padding: int | None = None
    tokenizer: Tokenizer | None = None
    tagged: bool = False
    beside: int = 1
    numbers: bool | None = None
    takes: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """A model as its source gave it, before anything was checked.

    `tokenizer` is that of a language model, which cuts a text as in its training. `task` is what
    the model is for, where its source says; `example` and `data` are what a factory gives beside
    its network.
    """

    model: nn.Module
    title: str
    sentence: str
    weights_label: str
    expects: Expectation
    own_data: str | None = None
    notes: tuple[Fact, ...] = ()
    task: Task | None = None
    tokenizer: Tokenizer | None = None
    example: Given | None = None
    data: Data | None = None


def usual_shape(model: nn.Module) -> tuple[int, ...] | None:
    """Return a usual shape of one input of the model's first layer, or None for other layers.

    The layer gives the channels or features; height, width and length are customary ones.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            return layer.in_channels, SIDE, SIDE
        if isinstance(layer, nn.Conv1d):
            return layer.in_channels, LENGTH
        if isinstance(layer, nn.Conv3d):
            return layer.in_channels, FRAMES, SIDE // 2, SIDE // 2
        if isinstance(layer, nn.RNNBase):
            return LENGTH, layer.input_size
        if isinstance(layer, nn.MultiheadAttention):
            return LENGTH, layer.embed_dim
        if isinstance(layer, nn.Linear):
            return (layer.in_features,)
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag):
            return None  # it takes whole numbers, not the random ones of an example
    return None


def first_layer(model: nn.Module) -> nn.Module | None:
    """Return the first of a model's layers that says in which form it takes inputs, or None."""
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    kinds = (*convolutions, nn.Linear, nn.Embedding, nn.EmbeddingBag, nn.RNNBase)
    return next((module for module in model.modules() if isinstance(module, kinds)), None)


def parameters_of(model: nn.Module) -> dict[str, bool]:
    """Return the named parameters of a model's forward, each with whether it must be given."""
    found = signature(model.forward).parameters.values()
    open_ended = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return {p.name: p.default is Parameter.empty for p in found if p.kind not in open_ended}


def series_axis(first: nn.Module | None, shape: tuple[int, ...]) -> int:
    """Return on which axis of (N, *shape) the channels of series lie: 1 or 2, 0 for grey images.

    A convolution along time takes (channels, steps), a recurrent or linear layer (steps, channels),
    unless its own width says that the model turns them first.
    """
    width = {nn.Conv1d: "in_channels", nn.RNNBase: "input_size", nn.Linear: "in_features"}
    wide = next((getattr(first, n) for kind, n in width.items() if isinstance(first, kind)), None)
    if wide is None or len(shape) != 2:
        return 0
    if isinstance(first, nn.Linear) and (wide not in shape or wide == prod(shape)):
        return 0  # it takes the whole of an image as one row
    usual = 1 if isinstance(first, nn.Conv1d) else 2
    return 3 - usual if shape[usual - 1] != wide == shape[2 - usual] else usual


def image_channels(model: nn.Module) -> int | None:
    """Return how many channels the model's first two-dimensional convolution takes, if it has one.

    A first layer of another kind takes inputs of another kind.
    """
    usual = usual_shape(model)
    return usual[0] if usual is not None and len(usual) == 3 else None
