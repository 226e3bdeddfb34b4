"""Operators that average over units: what is kept is averaged over what is kept."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pruneviz.coupling.call import Call, Tags, mark_fixed
from pruneviz.coupling.ids import collapse, line, small, varying
from pruneviz.coupling.rules.contractions import axis_ids
from pruneviz.wording import stays

REDUCTIONS = """
    mean sum amax amin max min var std var_mean norm linalg_vector_norm logsumexp prod
""".split()
CHOICES = "argmax argmin any all median mode".split()
ALONG = ["_softmax", "_safe_softmax", "_log_softmax", "softmax", "log_softmax"]
ORDERED = ["cumsum", "cumprod", "cummax", "cummin"]
BATCH_NORMS = """
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training
    _batch_norm_with_update _batch_norm_no_update cudnn_batch_norm miopen_batch_norm batch_norm
""".split()
LAYER_NORMS = ["native_layer_norm", "_fused_rms_norm"]
WEIGHT_NORM = "_weight_norm_interface"


def averages(call: Call, tag: Tensor, dim: int) -> None:
    """Record that a call averages over these ids along a dimension of its first argument."""
    if not call.fed and call.name not in (*LAYER_NORMS, "native_group_norm"):
        call.ids.fix(small(tag), stays.weights_over_all())
        return
    if varying(tag) != (dim,):
        call.ids.fix(small(tag), stays.unusual_layout(f"`{call.name}`"))
        return
    along = line(tag, dim)
    if bool((along < 0).any()):
        call.ids.fix(along, stays.runs_over_others_too(call.name))
        return
    call.ids.depends("call", call.key, dim, along)


def layer_norm(call: Call) -> Any:
    """Unite what a layer norm averages over with its scale and shift."""
    source, shape = call.args[:2]
    normalised = range(source.ndim - len(shape), source.ndim)
    tags = call.tags(source)
    for tensor in call.args[2:4]:
        if isinstance(tensor, Tensor):
            _unite_affine(call, tags, tensor, source.ndim)
    for tag in tags:
        for dim in set(varying(tag)) & set(normalised):
            averages(call, tag, dim)
            if dim == source.ndim - 1 and len(shape) == 1:
                _follow_shape(call, tag, dim)
    return _first_of(call, tags)


def _unite_affine(call: Call, tags: Tags, tensor: Tensor, ndim: int) -> None:
    """Unite the ids of a scale or shift with those that come in, dimension by dimension."""
    for own in call.tags(tensor):
        (axis,) = varying(own)
        dim = axis + ndim - tensor.ndim
        partner = next((tag for tag in tags if varying(tag) == (dim,)), None)
        mine = axis_ids((own,), tensor, axis)
        assert mine is not None  # it varies along this axis
        if partner is None:
            call.ids.fix(mine, stays.scaled_inputs_stay())
        else:
            call.ids.unite(line(partner, dim), mine)
    if not call.tags(tensor):
        for tag in tags:
            call.ids.fix(small(tag), stays.combined())


def _follow_shape(call: Call, tag: Tensor, dim: int) -> None:
    """Let the shape that the calling layer normalises over follow."""
    module = call.ids.model.get_submodule(call.owner)
    shape = getattr(module, "normalized_shape", None)
    if isinstance(shape, tuple) and shape == (tag.shape[dim],):
        along = line(tag, dim)
        call.ids.depends("attribute", f"{call.owner}.normalized_shape", 0, along)


def group_norm(call: Call) -> Any:
    """Take equally from each group of a group norm, which then averages over what is left."""
    source, weight, bias = call.args[:3]
    groups = int(call.args[6])
    tags = call.tags(source)
    for tag in tags:
        if varying(tag) != (1,):
            call.ids.fix(small(tag), stays.unusual_layout("a group norm"))
            continue
        along = line(tag, 1)
        by_group = along.view(groups, -1)
        for each in by_group[1:]:
            call.ids.unite(by_group[0], each)
        for tensor in (weight, bias):
            own = axis_ids(call.tags(tensor), tensor, 0) if isinstance(tensor, Tensor) else None
            if own is not None:
                call.ids.unite(along, own)
        averages(call, tag, 1)
    return _first_of(call, tags)


def weight_norm(call: Call) -> Any:
    """Unite the direction and the norm of each unit of a weight that is made of both.

    The norm is taken over what is left: what a mask has set to zero adds nothing to it. Of units
    that go whole, nothing but 0 / 0 would be left.
    """
    direction, norm = call.args[:2]
    dim = (call.args[2] if len(call.args) > 2 else 0) % direction.ndim
    own = axis_ids(call.tags(direction), direction, dim), axis_ids(call.tags(norm), norm, dim)
    if own[0] is None or own[1] is None:
        return mark_fixed(call)
    call.ids.unite(own[0], own[1])
    for tag in call.tags(direction):
        if varying(tag) == (dim,):
            averages(call, tag, dim)
    return [call.tags(direction), ()]


def batch_norm(call: Call) -> Any:
    """Unite each channel with its scale, shift, mean and variance."""
    source = call.tags(call.args[0])
    for tensor in call.args[1:5]:
        if isinstance(tensor, Tensor) and tensor.numel():
            own = axis_ids(call.tags(tensor), tensor, 0)
            for tag in source:
                if varying(tag) == (1,) and own is not None:
                    call.ids.unite(line(tag, 1), own)
                elif 1 in varying(tag):
                    call.ids.fix(small(tag), stays.unusual_layout("a normalisation"))
    for tag in source if _by_statistics_of_its_own(call) else ():
        for dim in varying(tag):
            if dim != 1:
                averages(call, tag, dim)
    return [source, *[() for _ in call.out[1:]]] if isinstance(call.out, list | tuple) else source


def _by_statistics_of_its_own(call: Call) -> bool:
    """Whether a batch norm takes mean and variance from what comes in, as for weights."""
    names = [argument.name for argument in call.op._schema.arguments]
    given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    return bool(given.get("training")) or given.get("running_mean") is None


def reduce(call: Call) -> Any:
    """Drop the reduced dimensions; what they average over is averaged over what is kept."""
    source = call.args[0]
    single = call.out[0] if isinstance(call.out, list | tuple) else call.out
    reduced = _reduced(call, source)
    kept = single.ndim == source.ndim
    tags = []
    for tag in call.tags(source):
        over = reduced & set(varying(tag))
        if over and call.name in CHOICES:
            call.ids.fix(small(tag), stays.chooses_among(call.name))
        for dim in over if call.name not in CHOICES else ():
            averages(call, tag, dim)
        if not over:
            index: list[Any] = [(slice(0, 1) if kept else 0) if d in reduced else slice(None)
                                for d in range(tag.ndim)]  # fmt: skip
            tags.append(collapse(tag[tuple(index)]))
    return [tuple(tags) for _ in call.out] if isinstance(call.out, list | tuple) else tuple(tags)


def _reduced(call: Call, source: Tensor) -> set[int]:
    """Return the dimensions that a reduction drops."""
    given = [*call.args[1:], call.kwargs.get("dim")]
    if call.name in ("norm", "linalg_vector_norm"):  # the first is the order of the norm
        given = [*call.args[2:], call.kwargs.get("dim")]
    dims = next((a for a in given if isinstance(a, int | list) and not isinstance(a, bool)), None)
    if dims is None or dims == []:
        return set(range(source.ndim))
    return {d % source.ndim for d in ([dims] if isinstance(dims, int) else dims)}


def along(call: Call) -> Any:
    """Normalise along one dimension over what is kept of it."""
    dim = call.args[1] % call.args[0].ndim
    for tag in call.tags(call.args[0]):
        if dim in varying(tag):
            averages(call, tag, dim)
    return call.tags(call.args[0])


def in_order(call: Call) -> Any:
    """Accumulate along one dimension; ids that vary along it must stay."""
    dim = call.args[1] % call.args[0].ndim
    for tag in call.tags(call.args[0]):
        if dim in varying(tag):
            call.ids.fix(small(tag), stays.runs_over(call.name))
    tags = call.tags(call.args[0])
    return [tags for _ in call.out] if isinstance(call.out, list | tuple) else tags


def _first_of(call: Call, tags: Tags) -> Any:
    return [tags, *[() for _ in call.out[1:]]] if isinstance(call.out, list | tuple) else tags


def kept_only(
    key: str, args: tuple[Any, ...], kwargs: dict[str, Any], dim: int, stays: Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a call's arguments with only what stays along a dimension of the first one."""
    name = key.partition("#")[0]
    if name.startswith("_scaled_dot_product"):  # its kernels want one width of all: only the scale
        width = int(stays.count_nonzero())
        scale = {"scale": width**-0.5} if kwargs.get("scale") is None else {}
        return (args[0] * stays.to(args[0].dtype), *args[1:]), {**kwargs, **scale}
    return _selected(name, args, dim, stays), kwargs


def _selected(name: str, args: tuple[Any, ...], dim: int, stays: Tensor) -> tuple[Any, ...]:
    index = torch.nonzero(stays).flatten()
    source = args[0].index_select(dim, index)
    if name in LAYER_NORMS:
        shape = list(args[1])
        place = dim - (args[0].ndim - len(shape))
        shape[place] = len(index)
        affine = [t if t is None else t.index_select(place, index) for t in args[2:-1]]
        return (source, shape, *affine, args[-1])
    if name == WEIGHT_NORM:
        return (source, args[1].index_select(dim, index), *args[2:])
    if name == "native_group_norm":
        affine = [t if t is None else t.index_select(0, index) for t in args[1:3]]
        return (source, *affine, args[3], len(index), *args[5:])
    return (source, *args[1:])


def spread(key: str, out: Any, like: Tensor, dim: int, stays: Tensor) -> Any:
    """Return a call's result at full size, with zeros where nothing stays."""
    name = key.partition("#")[0]
    if name not in (*LAYER_NORMS, *BATCH_NORMS, "native_group_norm", WEIGHT_NORM, *ALONG):
        return out
    first = out[0] if isinstance(out, list | tuple) else out
    full = first.new_zeros(like.shape)
    full.index_copy_(dim, torch.nonzero(stays).flatten(), first)
    return (full, *out[1:]) if isinstance(out, list | tuple) else full
