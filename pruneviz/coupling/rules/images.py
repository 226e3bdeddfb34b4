"""Operators on pixels, places and frequencies: what each does to the channels beside them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pruneviz.coupling.call import Call
from pruneviz.coupling.ids import small, varying
from pruneviz.coupling.rules.operators import spatial
from pruneviz.wording import stays

FOURIER = ["_fft_r2c", "_fft_c2r", "_fft_c2c"]


def to_pixels(call: Call) -> Any:
    """Spread r² channels over r × r pixels: they go together, (…, c · r², h, w)."""
    source, factor = call.args[0], int(call.args[1])
    dim, tags = source.ndim - 3, []
    for tag in call.tags(source):
        if any(d > dim for d in varying(tag)) or len(varying(tag)) > 1:
            call.ids.fix(small(tag), stays.mixed(call.name))
        elif varying(tag) != (dim,):
            tags.append(small(tag).expand(call.out.shape))
        else:
            by_channel = small(tag).reshape(-1, factor * factor)
            for each in by_channel.unbind(1):
                call.ids.unite(by_channel[:, 0], each)
            shape = [1] * source.ndim
            shape[dim] = len(by_channel)
            tags.append(by_channel[:, 0].reshape(shape).expand(call.out.shape))
    return tuple(tags)


def sample_at(call: Call) -> Any:
    """Read pixels at places that are given: channels pass on, the places' own numbers stay."""
    for tag in call.tags(call.args[1]):
        call.ids.fix(small(tag), stays.places_of_pixels())
    return spatial(call)


def transform(call: Call) -> Any:
    """Turn some dimensions into frequencies or back; ids along others pass on."""
    dims = {dim % call.args[0].ndim for dim in call.args[1]}
    tags = []
    for tag in call.tags(call.args[0]):
        if dims & set(varying(tag)):
            call.ids.fix(small(tag), stays.mixed(call.name))
        else:
            tags.append(small(tag).expand(call.out.shape))
    return tuple(tags)


def to_pairs(call: Call) -> Any:
    """Look at complex numbers as pairs of real ones, along a new last dimension."""
    return tuple(tag.unsqueeze(-1).expand(call.out.shape) for tag in call.tags(call.args[0]))


def from_pairs(call: Call) -> Any:
    """Look at pairs of real numbers, along the last dimension, as complex ones."""
    tags: list[Tensor] = []
    last = call.args[0].ndim - 1
    for tag in call.tags(call.args[0]):
        if last in varying(tag):
            call.ids.fix(small(tag), stays.complex_parts())
        else:
            tags.append(tag[..., 0])
    return tuple(tags)
