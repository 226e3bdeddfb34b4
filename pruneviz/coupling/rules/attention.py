"""Products of two activations: attention by heads and by the width inside them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pruneviz.coupling.call import Call, Tags
from pruneviz.coupling.ids import line, small, varying
from pruneviz.coupling.rules.averages import averages
from pruneviz.wording import stays

ATTENTIONS = """
    _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention
    _scaled_dot_product_efficient_attention _scaled_dot_product_fused_attention_overrideable
    _scaled_dot_product_cudnn_attention
""".split()


def attend(call: Call) -> Any:
    """Follow attention: heads go together, query with key inside them, value to the output."""
    query, key, value = call.args[:3]
    tags: list[Tensor] = []
    added = _added(call)
    for dim in range(query.ndim - 2):
        tags += _heads(call, (query, key, value, *added), dim)
    last = query.ndim - 1
    _together(call, (query, key), last)
    for tag in call.tags(query):
        if varying(tag) == (last,):
            # The scale of the scores is by the width: over what is kept, as in the cut network.
            averages(call, tag, last)
    tags += [tag for tag in call.tags(value) if varying(tag) == (last,)]
    for tensor in (query, key, value, *added):
        for tag in call.tags(tensor):
            rows = (last, last - 1) if any(tensor is each for each in added) else (last - 1,)
            if len(varying(tag)) != 1 or varying(tag)[0] in rows:
                call.ids.fix(small(tag), stays.unusual_layout("attention"))
    shape = call.out[0].shape
    found = tuple(small(tag).expand(shape) for tag in tags)
    return [found, *[() for _ in call.out[1:]]]


def _heads(call: Call, tensors: tuple[Tensor, ...], dim: int) -> list[Tensor]:
    """Unite the ids of several activations over which a product runs in parallel."""
    found = _together(call, tensors, dim)
    for tag in found:
        call.ids.in_parallel(small(tag))
    return found


def _added(call: Call) -> tuple[Tensor, ...]:
    """Return what attention adds to its scores, (…, heads, queries, keys), if anything."""
    names = [argument.name for argument in call.op._schema.arguments]
    given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    found = given.get("attn_mask"), given.get("attn_bias")
    return tuple(each for each in found if isinstance(each, Tensor))


def _together(call: Call, tensors: tuple[Tensor, ...], dim: int) -> list[Tensor]:
    """Unite the ids of several activations along one dimension; return those of the first.

    None are returned where one of them has values that cannot be cut with them.
    """
    found = [next((t for t in call.tags(x) if varying(t) == (dim,)), None) for x in tensors]
    known = [tag for tag in found if tag is not None]
    for tag, tensor in zip(found, tensors, strict=True):
        if tag is None and known and tensor.shape[dim] > 1:
            for other in known:
                call.ids.fix(small(other), stays.product_with_others())
            return []  # of a fixed number from here on
    for other in known[1:]:
        more, fewer = sorted((small(known[0]).reshape(-1), small(other).reshape(-1)), key=len)[::-1]
        if len(more) % len(fewer) == 0:  # each key serves as many queries, one after another
            call.ids.unite(more, fewer.repeat_interleave(len(more) // len(fewer)))
        else:
            for tag in (known[0], other):
                call.ids.fix(small(tag), stays.shared_out())
    return known[:1]


def batched(call: Call) -> Any:
    """Follow a product of batches of matrices: (b, n, k) with (b, k, m)."""
    offset = 1 if call.name == "baddbmm" else 0
    left, right = call.args[offset : offset + 2]
    if offset and call.tags(call.args[0]):
        raise ValueError("what is added has channels of its own")
    tags = _heads(call, (left, right), 0)
    _inner(call, left, right)
    rows = [tag for tag in call.tags(left) if varying(tag) == (1,)]
    columns = [tag for tag in call.tags(right) if varying(tag) == (2,)]
    for tag in columns:  # of a parameter, as einsum multiplies with one, they are new units
        call.ids.produced_by(line(tag, 2))
    for tensor in (left, right):
        for tag in call.tags(tensor):
            if len(varying(tag)) != 1:
                call.ids.fix(small(tag), stays.unusual("a product of activations"))
    found: Tags = tuple(small(tag).expand(call.out.shape) for tag in (*tags, *rows, *columns))
    return found


def _inner(call: Call, left: Tensor, right: Tensor) -> None:
    """Unite what a product sums over: both sides lose the same."""
    one = next((t for t in call.tags(left) if varying(t) == (2,)), None)
    other = next((t for t in call.tags(right) if varying(t) == (1,)), None)
    if one is not None and other is not None:
        call.ids.unite(small(one).reshape(-1), small(other).reshape(-1))
    elif one is not None or other is not None:
        tag = one if one is not None else other
        assert tag is not None  # one of them is there
        call.ids.fix(small(tag), stays.multiplied())


def embed(call: Call) -> Any:
    """Start units at the columns of an embedding table."""
    table = call.args[0]
    tags = []
    for tag in call.tags(table):
        if varying(tag) == (1,):
            outputs = tag[0]
            call.ids.produced_by(outputs)
            tags.append(outputs.view([1] * (call.out.ndim - 1) + [-1]).expand(call.out.shape))
    for tag in call.tags(call.args[1]):
        call.ids.fix(small(tag), stays.looked_up_by_number())
    return tuple(tags)


def align(call: Call) -> Any:
    """Cut regions out of feature maps: (n, c, h, w) becomes (regions, c, y, x)."""
    tags = []
    for tag in call.tags(call.args[0]):
        if varying(tag) == (1,) and len(call.out):
            tags.append(small(tag).expand(call.out.shape))
        else:
            why = stays.mixed(call.name) if len(call.out) else stays.no_region()
            call.ids.fix(small(tag), why)
    for tag in call.tags(call.args[1]):
        call.ids.fix(small(tag), stays.places_of_regions())
    return tuple(tags)
