"""What every channel of a layer shows on one input, and what it does for the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from pruneviz.explain.attribute import as_numbers, the_explained, working_copy
from pruneviz.network.answers import answering_logits
from pruneviz.network.inputs import call
from pruneviz.tasks import Explained
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import explaining


class CutLike(Protocol):
    """Of this axis of this parameter only the `kept` indices stay."""

    @property
    def parameter(self) -> str:
        """The parameter's name."""

    @property
    def axis(self) -> int:
        """The axis that was cut."""

    @property
    def kept(self) -> tuple[int, ...]:
        """The indices that stay, ascending."""


@dataclass(frozen=True)
class Detectors:
    """A layer's output on one input: `maps` (channels, …), and `importance` (channels,).

    A channel's importance is the sum of its activations times the gradient of what is explained,
    such as a class's logit.
    """

    layer: str
    maps: Tensor
    importance: Tensor


def convolutions_and_linears(model: nn.Module) -> tuple[str, ...]:
    """Return the names of the layers whose channels can be looked at."""
    kinds = (nn.modules.conv._ConvNd, nn.Linear)
    return tuple(name for name, module in model.named_modules() if isinstance(module, kinds))


def detectors(model: nn.Module, x: Tensor, layer: str, of: int | Explained) -> Detectors:
    """Return what the channels of `layer` show on one input, (1, …), and their share in the answer.

    `of` is what of the answer, as a task says it; a number is that class. ValueError when there is
    no such layer, or it does not run on this input.
    """
    from captum.attr import LayerActivation, LayerGradientXActivation

    own = working_copy(model)
    module = dict(own.named_modules()).get(layer)
    if module is None:
        raise RefusedError(explaining.no_such_layer(layer))
    whole, given, _, _ = as_numbers(answering_logits(own), x, None, 1)
    given = given.detach().clone().requires_grad_()
    try:
        maps = LayerActivation(whole, module).attribute(given).detach()
        with torch.no_grad():
            explained = the_explained(of, call(whole, given))
        shares = LayerGradientXActivation(lambda t: explained.of(call(whole, t)), module)
        shares = shares.attribute(given).detach()
    except (RuntimeError, AssertionError, AttributeError, LookupError, TypeError) as error:
        raise RefusedError(explaining.no_channels(layer)) from error
    maps, shares = (_channels_first(t, module) for t in (maps, shares))
    return Detectors(layer, maps, shares.reshape(len(shares), -1).sum(1))


def surviving(
    layer: str, channels: int, cuts: Iterable[CutLike], masks: Mapping[str, Tensor]
) -> Tensor:
    """Return which of the original's channels still do something, bool (channels,).

    A channel is gone when it was cut out of the layer's weight, or when all its weights are masked.
    """
    weight = f"{layer}.weight"
    for cut in cuts:
        if cut.parameter == weight and cut.axis == 0:
            keep = torch.zeros(channels, dtype=torch.bool)
            keep[list(cut.kept)] = True
            return keep
    if weight in masks and len(masks[weight]) == channels:
        return masks[weight].flatten(1).any(1)
    return torch.ones(channels, dtype=torch.bool)


def on_original_channels(found: Detectors, keep: Tensor) -> Detectors:
    """Return a pruned network's detectors under the original's channel numbers, zeros where gone.

    `keep` is bool, (channels of the original,).
    """
    if len(found.maps) == len(keep):
        return found
    if len(found.maps) != int(keep.sum()):
        raise RefusedError(explaining.other_channels(found.layer, len(found.maps), int(keep.sum())))
    maps = torch.zeros(len(keep), *found.maps.shape[1:])
    importance = torch.zeros(len(keep))
    maps[keep], importance[keep] = found.maps, found.importance
    return Detectors(found.layer, maps, importance)


def nothing_left(of: Detectors) -> Detectors:
    """Return the detectors of a layer that is gone whole: zeros in the original's shape."""
    zeros = torch.zeros_like
    return Detectors(of.layer, zeros(of.maps), zeros(of.importance))


def _channels_first(output: Tensor, module: nn.Module) -> Tensor:
    """Return one input's output as (channels, …): linear layers hold their channels last."""
    one = output[0]
    return one.movedim(-1, 0) if isinstance(module, nn.Linear) else one
