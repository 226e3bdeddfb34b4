"""Rows that are read and written by number, and parts that are written into a tensor of zeros."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pruneviz.coupling.call import Call, by_number, mark_fixed
from pruneviz.coupling.ids import collapse, line, small, varying
from pruneviz.coupling.interpretations import remember
from pruneviz.coupling.rules.operators import add, follows, widened
from pruneviz.wording import stays

WRITES = """
    index_add index_add_ index_copy index_copy_ index_reduce index_reduce_ scatter scatter_
    scatter_add scatter_add_ scatter_reduce scatter_reduce_
""".split()


def look_up(call: Call) -> Any:
    """Index with tensors: dimensions that are not indexed pass on, ids along others are chosen."""
    places = call.args[1]
    tags = []
    for tag in call.tags(call.args[0]):
        if any(d < len(places) and places[d] is not None for d in varying(tag)):
            call.ids.fix(small(tag), stays.chosen_by_number(call.name))
        else:
            tags.append(collapse(call.op(tag, places)))
    return tuple(tags)


def write_at(call: Call) -> Any:
    """Write rows by number: the tensor written into has what the values have, row by row."""
    target, places, values = call.args[:3]
    rows = [place is not None for place in places] == [True]
    if not rows or values.ndim != target.ndim:
        return mark_fixed(call)
    tags = list(call.tags(target))
    for tag in call.tags(values):
        if 0 in varying(tag):
            call.ids.fix(small(tag), stays.written_by_number(call.name))
            continue
        add(call, tags, small(tag).expand(target.shape))
    return tuple(tags)


def write_along(call: Call) -> Any:
    """Add, copy or scatter values into a tensor by number along one dimension.

    Along the others both lose the same: (n, c) takes (m, c) with places (m,), or (m, c) of which
    every column is alike.
    """
    target, dim, places = call.args[:3]
    dim %= target.ndim
    values = call.args[3]
    operands = [x for x in (target, values) if isinstance(x, Tensor)]
    tags: list[Tensor] = []
    for operand in operands:
        for tag in call.tags(operand):
            if dim in varying(tag):
                call.ids.fix(small(tag), stays.written_by_number(call.name))
            else:
                add(call, tags, small(tag).expand(target.shape))
    sized = [*operands, places] if places.ndim == target.ndim > 1 else operands
    return _held_where_fixed(call, tags, sized)


def read_along(call: Call) -> Any:
    """Gather by number along one dimension: (n, c) by places (m, c) of which columns are alike."""
    source, dim, places = call.args[:3]
    dim %= source.ndim
    tags = []
    for tag in call.tags(source):
        if dim in varying(tag):
            call.ids.fix(small(tag), stays.chosen_by_number(call.name))
        elif any(places.shape[d] != source.shape[d] for d in varying(tag)):
            call.ids.fix(small(tag), by_number(call))
        else:
            tags.append(small(tag).expand(call.out.shape))
    return _held_where_fixed(call, tags, [places])


def _held_where_fixed(call: Call, tags: list[Tensor], operands: list[Tensor]) -> Any:
    """Return the ids that all operands follow; those beside values of a fixed size must stay."""
    going = []
    for tag in tags:
        if all(call.blank(x) or follows(x, call.tags(x), tag) for x in operands):
            going.append(tag)
        else:
            call.ids.fix(small(tag), stays.combined())
    return tuple(going)


def write_part(call: Call) -> Any:
    """Copy values into a part of a tensor made for them: it has their ids from then on."""
    view, values = call.args[:2]
    base = view._base
    before = call.tags(base)
    if not (before or call.blank(base)) or not base.is_contiguous():
        return mark_fixed(call)
    tags = [collapse(widened(tag, view.ndim).expand(view.shape)) for tag in call.tags(values)]
    if any(_dims(view, base, tag) is None for tag in tags):
        return mark_fixed(call)
    found = list(before)
    for tag in tags:
        add(call, found, onto_whole(view, base, tag))
        for dim in varying(tag):
            if len(varying(tag)) == 1:
                remember(call, line(tag, dim))
    _held_where_fixed(call, [*before], [base if not tags else values])
    return tuple(tags)


def onto_whole(view: Tensor, base: Tensor, tag: Tensor) -> Tensor:
    """Return the ids of a tensor a part of which has these, along the same dimensions."""
    dims = _dims(view, base, tag)
    assert dims is not None  # such a part is not followed
    shape = [1] * base.ndim
    for dim, place in zip(varying(tag), dims, strict=True):
        shape[place] = tag.shape[dim]
    return small(tag).reshape(shape).expand(base.shape)


def _dims(view: Tensor, base: Tensor, tag: Tensor) -> list[int] | None:
    """Return which dimensions of a tensor those are along which the ids of a part vary.

    None where a part does not have all of one of them, or has them in another order.
    """
    found = []
    for dim in varying(tag):
        like = (view.shape[dim], view.stride(dim))
        places = [d for d in range(base.ndim) if (base.shape[d], base.stride(d)) == like]
        if len(places) != 1:
            return None
        found += places
    return found if found == sorted(found) else None
