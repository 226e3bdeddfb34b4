"""Views that split channels: which reading of the parts is taken, and what each keeps together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from pruneviz.coupling.call import Call
from pruneviz.coupling.ids import collapse, line, small, varying
from pruneviz.explicit import Explicit

EQUAL, WHOLE, HELD = 0, 1, 2
FIRST_LAYOUT = EQUAL


def split(call: Call, tag: Tensor, moved: Tensor) -> Tensor:
    """Return the ids of a view that splits one dimension of varying ids into several.

    EQUAL removes the same ones from each part (the width inside heads, the channels of each
    shuffled group); WHOLE removes whole parts (heads); HELD removes none of them.
    """
    dims = varying(moved)
    call.ids.choose(call.key, call.owner, small(tag))
    if call.layout >= HELD:
        call.ids.fix(small(tag), f"`{call.name}` splits them into a fixed layout")
        return moved
    kept = dims[-1] if call.layout == EQUAL else dims[-2]
    first = moved
    for dim in dims:
        if dim != kept:
            first = first.narrow(dim, 0, 1)
    first = first.expand(moved.shape)
    call.ids.unite(*(small_alike(first, moved)))
    return collapse(first)


def equal_pieces(call: Call, tag: Tensor, pieces: Sequence[Tensor]) -> list[Tensor]:
    """Return the ids of the pieces of a dimension that is cut into equal ones, [] where it is not.

    Read as EQUAL, the same ones go from each piece.
    """
    if len(pieces) < 2 or call.layout != EQUAL or len({p.shape for p in pieces}) > 1:
        return []
    whole = (
        [d for d in range(tag.ndim) if tag.shape[d] != pieces[0].shape[d]]
        if (pieces[0].ndim == tag.ndim)
        else []
    )
    if len(whole) != 1 or varying(tag) != (whole[0],):
        return []
    if len(pieces) * pieces[0].shape[whole[0]] != tag.shape[whole[0]]:
        return []
    call.ids.choose(call.key, call.owner, small(tag))
    for piece in pieces[1:]:
        call.ids.unite(small(pieces[0]), small(piece))
    return [pieces[0]] * len(pieces)


def by_its_tensors(call: Call) -> bool:
    """Whether the calling module reads the sizes of the parts it takes off its tensors."""
    return isinstance(call.ids.model.get_submodule(call.owner), Explicit)


def small_alike(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return two id tensors of one shape without the dimensions along which neither varies."""
    for dim in range(first.ndim):
        if first.shape[dim] > 1 and first.stride(dim) == 0 and second.stride(dim) == 0:
            first, second = first.narrow(dim, 0, 1), second.narrow(dim, 0, 1)
    return first, second


def remembered_sizes(call: Call, tag: Tensor, sizes: Any) -> None:
    """Let the sizes that the calling module remembers follow the ids that they count.

    `sizes` is what the view was asked for. Only modules of the user's own are looked at: what
    torch's own layers remember follows from their tensors.
    """
    if not isinstance(sizes, list | tuple) or len(sizes) != tag.ndim:
        return
    module = call.ids.model.get_submodule(call.owner)
    if type(module).__module__.startswith("torch.nn"):
        return
    for dim in varying(tag):
        size = tag.shape[dim]
        if sizes[dim] != size:  # it was left open
            continue
        along = line(tag, dim)
        for name in remembering(module, size):
            path = f"{call.owner}.{name}" if call.owner else name
            call.ids.depends("attribute", path, -1, along)


def remembering(module: nn.Module, size: int) -> list[str]:
    """Return the names of a module's whole numbers that have this value.

    A module of explicit form says itself which of its numbers may follow.
    """
    known = module.counts if isinstance(module, Explicit) else vars(module)
    return [
        name
        for name in known
        if type(value := getattr(module, name)) is int
        and value == size
        and not name.startswith("_")
    ]
