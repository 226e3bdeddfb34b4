"""Operators that move, combine or mix what is there: what each does to ids."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from pruneviz.coupling.call import Call, Tags, by_number, mark_fixed
from pruneviz.coupling.ids import UNKNOWN, collapse, reshaped, small, varying
from pruneviz.coupling.interpretations import picked, remembered_sizes, split
from pruneviz.wording import stays

MOVES = """
    view _unsafe_view reshape permute transpose t unsqueeze squeeze expand clone contiguous
    detach alias flip roll repeat _reshape_alias _to_copy lift_fresh
    pixel_unshuffle transpose_ t_ squeeze_ unsqueeze_
""".split()
RESHAPES = ("view", "_unsafe_view", "reshape", "_reshape_alias")
COPIES = ("clone", "contiguous", "detach", "alias", "_to_copy", "lift_fresh")
FILLS = """
    zeros ones full empty zeros_like ones_like full_like empty_like new_zeros new_ones new_full
    new_empty
""".split()
REFILLS = ["fill_", "zero_"]
FRESH = ["new_zeros", "new_ones", "new_full", "new_empty", "new_empty_strided"]
SHAPE_ONLY = ["zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like"]
SPATIAL = """
    max_pool2d_with_indices max_pool3d_with_indices max_pool1d max_pool2d max_pool3d avg_pool1d
    avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_max_pool2d adaptive_max_pool3d mkldnn_adaptive_avg_pool2d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_bilinear2d
    upsample_bicubic2d upsample_linear1d upsample_trilinear3d _upsample_bilinear2d_aa
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
    replication_pad3d
""".split()


def move(call: Call) -> Any:
    """Run a data-movement operator on the ids themselves; a split of varying ids pins them."""
    tags = []
    for tag in call.tags(call.args[0]):
        # ids have strides of their own, so they are reshaped where the tensor is merely viewed
        same = call.name in RESHAPES
        moved = collapse(reshaped(tag, call.out.shape) if same else _moved(call, tag))
        if len(varying(moved)) > len(varying(tag)):
            moved = split(call, tag, moved)
        elif call.name == "roll" and not torch.equal(small(moved), small(tag)):
            call.ids.fix(small(tag), stays.shifted(call.name))
        if same or call.name == "expand":
            remembered_sizes(call, tag, moved, call.args[1])
        tags.append(moved)
    return tuple(tags)


def _moved(call: Call, tag: Tensor) -> Tensor:
    """Run the operator on ids, not in place where it works in place, and on no more than needed."""
    if call.name in COPIES:
        return tag
    dims = call.args[2:] if call.name == "roll" else call.args[1:]
    if call.name in ("roll", "flip") and dims and dims[0]:
        return call.op(small(tag), *call.args[1:]).expand(tag.shape)  # type: ignore[no-any-return]
    if not call.name.endswith("_"):
        return call.op(tag, *call.args[1:])  # type: ignore[no-any-return]
    return getattr(tag, call.name.rstrip("_"))(*call.args[1:])  # type: ignore[no-any-return]


def restride(call: Call) -> Any:
    """Lay a tensor out anew: the same values in the same places, or nobody knows which."""
    source = call.args[0]
    same = list(call.args[1]) == list(source.shape) and len(call.args) < 4
    return call.tags(source) if same else mark_fixed(call)


def shape_only(call: Call) -> Any:
    """Pass the ids on: the output has the input's shape, whatever that becomes."""
    return call.tags(call.args[0])


def fresh(call: Call) -> Any:
    """Make a tensor of its own: nothing of the one that it is made beside is in it."""
    return ()


def shuffle(call: Call) -> Any:
    """Shuffle channels between groups: equally many go from each."""
    groups, tags = int(call.args[1]), []
    for tag in call.tags(call.args[0]):
        if varying(tag) != (1,):
            call.ids.fix(small(tag), stays.mixed(call.name))
            continue
        by_group = small(tag).reshape(groups, -1)
        for each in by_group[1:]:
            call.ids.unite(by_group[0], each)
        mixed = by_group.t().reshape([1, -1] + [1] * (tag.ndim - 2))
        tags.append(mixed.expand(call.out.shape))
    return tuple(tags)


def concatenate(call: Call) -> Any:
    """Concatenate the ids as the tensors are concatenated; what has no ids stays UNKNOWN."""
    tensors = [t for t in call.args[0] if t.numel()]
    dim = (call.args[1] if len(call.args) > 1 else call.kwargs.get("dim", 0)) % call.out.ndim
    ways = dict.fromkeys(varying(tag) for tensor in tensors for tag in call.tags(tensor))
    tags = []
    for way in ways:
        column = [[t for t in call.tags(x) if varying(t) == way] for x in tensors]
        if any(len(found) > 1 for found in column):
            return mark_fixed(call)
        tags.append((_side_by_side if dim in way else _alike)(call, tensors, column, dim))
    return tuple(tag for tag in tags if bool((small(tag) >= 0).any()))


def _alike(call: Call, tensors: list[Tensor], column: list[list[Tensor]], dim: int) -> Tensor:
    """Unite the ids of tensors that are joined along another dimension than that of the ids."""
    first, *others = [tag.narrow(dim, 0, 1) for found in column for tag in found]
    for tag in others:
        call.ids.unite(*_aligned(first, tag), "sum")
    for tensor, found in zip(tensors, column, strict=True):
        if not found and not call.blank(tensor):
            call.ids.fix(small(first), stays.combined())
    return first.expand(call.out.shape)


def _aligned(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    one, other = torch.broadcast_tensors(small(first), small(second))
    return one, other


def _side_by_side(
    call: Call, tensors: list[Tensor], column: list[list[Tensor]], dim: int
) -> Tensor:
    """Join ids along their own dimension; across it, they go together."""
    across = [t for found in column for t in found if any(d != dim for d in varying(t))]
    for tag in across[1:]:
        call.ids.unite(*_aligned(across[0].narrow(dim, 0, 1), tag.narrow(dim, 0, 1)))
    for tag in across if len(across) < len(column) else ():
        call.ids.fix(small(tag), stays.combined())
    joined = [found[0] if found else _blank(x)
              for x, found in zip(tensors, column, strict=True)]  # fmt: skip
    return collapse(torch.cat(joined, dim))


def pad(call: Call) -> Any:
    """Pad the ids with UNKNOWN: padded channels have a fixed place and number."""
    widths, tags = call.args[1], []
    for tag in call.tags(call.args[0]):
        last = tag.ndim - 1
        padded = {last - i // 2 for i in range(len(widths)) if widths[i]}
        if any(width < 0 for width in widths) and padded & set(varying(tag)):
            call.ids.fix(small(tag), by_number(call))
        moved = call.op(tag, widths, UNKNOWN) if padded & set(varying(tag)) else None
        tags.append(tag[_first(tag)].expand(call.out.shape) if moved is None else collapse(moved))
    return tuple(tags)


def _first(tag: Tensor) -> tuple[slice, ...]:
    """Index that keeps varying dimensions whole and the first entry of the others."""
    return tuple(slice(None) if d in varying(tag) else slice(0, 1) for d in range(tag.ndim))


def spatial(call: Call) -> Any:
    """Pool, resize or pad trailing dimensions along which ids must not vary."""
    shape = (call.out[0] if isinstance(call.out, list | tuple) else call.out).shape
    tags = []
    for tag in call.tags(call.args[0]):
        if any(d >= tag.ndim - _trailing(call.name) for d in varying(tag)):
            call.ids.fix(small(tag), stays.mixed(call.name))
        else:
            tags.append(small(tag).expand(shape))
    return [tuple(tags) for _ in call.out] if isinstance(call.out, list | tuple) else tuple(tags)


def _trailing(name: str) -> int:
    """Return how many dimensions an operator such as `avg_pool2d` works on."""
    return next(int(a) for a, b in pairwise(name) if a.isdigit() and b == "d")


def pointwise(call: Call) -> Any:
    """Unite the operands' ids position by position; an operand of fixed size pins the others."""
    operands = [a for a in (*call.args, *call.kwargs.values()) if isinstance(a, Tensor)]
    operands += [
        t for a in call.args if isinstance(a, list | tuple) for t in a if isinstance(t, Tensor)
    ]
    single = call.out[0] if isinstance(call.out, list | tuple) else call.out
    tags: list[Tensor] = []
    for operand in operands:
        for tag in call.tags(operand):
            add(call, tags, collapse(widened(tag, single.ndim).expand(single.shape)))
    held = [tag for tag in tags if not all(
        call.blank(x) or follows(x, call.tags(x), tag) or picked(call, x, tag)
        for x in operands)]  # fmt: skip
    for tag in held:
        call.ids.fix(small(tag), stays.combined())
    if len(held) < len(tags):  # what is held is of a fixed size from here on
        tags = [tag for tag in tags if not any(tag is each for each in held)]
    return [tuple(tags) for _ in call.out] if isinstance(call.out, list | tuple) else tuple(tags)


def add(call: Call, tags: list[Tensor], tag: Tensor) -> None:
    """Unite ids with those that vary along the same dimensions, or add them where none do."""
    partner = next((t for t in tags if varying(t) == varying(tag)), None)
    if partner is None:
        tags.append(tag)
    else:
        scales = call.name.rstrip("_") in ("mul", "div")
        call.ids.unite(small(partner), small(tag), "product" if scales else "sum")


def widened(tag: Tensor, ndim: int) -> Tensor:
    """Return ids with dimensions before their own, as broadcasting adds them."""
    return tag.reshape((1,) * (ndim - tag.ndim) + tuple(tag.shape)) if tag.ndim < ndim else tag


def follows(operand: Tensor, tags: Tags, tag: Tensor) -> bool:
    """Whether an operand shrinks with `tag`: it has such ids itself, or is broadcast along them.

    What was expanded is as large as what it was expanded for, which the proof has to show.
    """
    dims = varying(tag)
    missing = tag.ndim - operand.ndim
    if all(d < missing or _repeats(operand, d - missing) for d in dims):
        return True
    return any(tuple(d + missing for d in varying(t)) == dims for t in tags)


def _repeats(operand: Tensor, dim: int) -> bool:
    return operand.shape[dim] == 1 or operand.stride(dim) == 0


def gate_halves(call: Call) -> Any:
    """Multiply one half along a dimension with the sigmoid of the other: the same go from both."""
    dim = (call.args[1] if len(call.args) > 1 else -1) % call.out.ndim
    half, tags = call.out.shape[dim], []
    for tag in call.tags(call.args[0]):
        if dim not in varying(tag):
            tags.append(small(tag).expand(call.out.shape))
        elif varying(tag) == (dim,):
            first, second = tag.split(half, dim)
            call.ids.unite(small(first), small(second))
            tags.append(collapse(first))
        else:
            call.ids.fix(small(tag), stays.unusual_layout(f"`{call.name}`"))
    return tuple(tags)


def stack(call: Call) -> Any:
    """Stack tensors along a new dimension: what each has at a place goes together."""
    tensors = call.args[0]
    dim = (call.args[1] if len(call.args) > 1 else call.kwargs.get("dim", 0)) % call.out.ndim
    tags: list[Tensor] = []
    for tensor in tensors:
        for tag in call.tags(tensor):
            add(call, tags, tag.unsqueeze(dim).expand(call.out.shape))
    for tag in tags:
        for tensor in tensors:
            if not call.blank(tensor) and not call.tags(tensor):
                call.ids.fix(small(tag), stays.combined())
    return tuple(tags)


def _blank(like: Tensor) -> Tensor:
    return torch.full((1,) * like.ndim, UNKNOWN).expand(like.shape)
