"""Parts of channels, taken off or apart: which lose what the whole loses, and which by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from pruneviz.coupling.call import Call, by_number, refuted
from pruneviz.coupling.ids import collapse, distinct, line, small, varying
from pruneviz.coupling.interpretations import (
    EQUAL,
    EQUAL_TIED,
    HELD,
    WHOLE_TIED,
    choose,
    numbers,
    path,
    remember,
    several,
)
from pruneviz.network.cuttable_forms import Explicit

PARTS = """
    slice select split split_with_sizes unsafe_split unsafe_chunk unbind narrow chunk index_select
    unsafe_split_with_sizes unfold
""".split()
MOST_PIECES = 8  # a slice that could be one of more equal pieces is none of them


def part(call: Call) -> Any:
    """Run an operator that takes a part of a tensor; what it takes by number stays."""
    parts = []
    for tag in call.tags(call.args[0]):
        results = call.op(tag, *call.args[1:])
        pieces = results if isinstance(results, list | tuple) else [results]
        if call.name == "split_with_sizes" and by_its_tensors(call):
            parts.append([collapse(piece) for piece in pieces])
            continue
        if equal := equal_pieces(call, tag, pieces):
            parts.append(equal)
            continue
        if not _can_be_followed(call, tag, pieces):
            tried = call.interpretation >= HELD and call.name != "index_select"
            call.ids.fix(small(tag), refuted(call) if tried else by_number(call))
        parts.append([collapse(piece) for piece in pieces])
    if isinstance(call.out, list | tuple):
        return [tuple(pieces[i] for pieces in parts) for i in range(len(call.out))]
    return tuple(pieces[0] for pieces in parts)


def _can_be_followed(call: Call, tag: Tensor, pieces: Sequence[Tensor]) -> bool:
    """Whether parts lose with the whole what it loses."""
    if call.name == "index_select" and call.args[1] % tag.ndim in varying(tag):
        return False
    if all(_takes_none(tag, piece) or not _lost(tag, piece) for piece in pieces):
        return True
    if call.name == "slice":
        return sliced(call, tag)
    if call.name == "select":
        return selected(call, tag)
    return "split" in call.name and pieces_by_size(call, tag, pieces)


def _takes_none(whole: Tensor, piece: Tensor) -> bool:
    """Whether a piece takes none of the ids: what is left over where everything is turned.

    Without any input, on the contrary, nothing would be seen of what becomes of them.
    """
    inside = {*varying(whole), *range(1, whole.ndim)}
    return piece.ndim == whole.ndim and any(piece.shape[d] == 0 for d in inside)


def _lost(whole: Tensor, piece: Tensor) -> bool:
    """Whether a piece lacks some of the ids of the whole."""
    return _number(whole) != _number(collapse(piece))


def _number(ids: Tensor) -> int:
    """Return how many different ids there are."""
    return int(distinct(small(ids).numpy()).size)


def equal_pieces(call: Call, tag: Tensor, pieces: Sequence[Tensor]) -> list[Tensor]:
    """Return the ids of the pieces of a dimension that is cut into equal ones, [] where it is not.

    Read as EQUAL, the same ones go from each piece.
    """
    if len(pieces) < 2 or call.interpretation >= HELD or len({p.shape for p in pieces}) > 1:
        return []
    whole = (
        [d for d in range(tag.ndim) if tag.shape[d] != pieces[0].shape[d]]
        if (pieces[0].ndim == tag.ndim)
        else []
    )
    if len(whole) != 1 or varying(tag) != (whole[0],):
        return []
    sizes = [piece.shape[whole[0]] for piece in pieces]
    if sum(sizes) != tag.shape[whole[0]] or several(call, sizes):  # each has a size of its own
        return []
    choose(call, small(tag))
    for piece in pieces[1:]:
        call.ids.unite(small(pieces[0]), small(piece))
    counted = next((x for x in (pieces[0], tag) if numbers(call, x.shape[whole[0]])), None)
    if counted is not None:
        choose(call, small(tag), ties=True)
        if call.interpretation in (EQUAL_TIED, WHOLE_TIED):
            remember(call, line(counted, whole[0]))
    return [pieces[0]] * len(pieces)


def by_its_tensors(call: Call) -> bool:
    """Whether the calling module reads the sizes of the parts it takes off its tensors."""
    return isinstance(call.ids.model.get_submodule(call.owner), Explicit)


def sliced(call: Call, tag: Tensor) -> bool:
    """Follow a slice of channels that may be one of several; False where none of them may go.

    Where it can be one of a few equal pieces, or takes every second, the same ones go from each.
    Elsewhere its bounds follow what is before them, as far as a module remembers them.
    """
    dim, start, end, step = _bounds(call, tag)
    if varying(tag) != (dim,):
        return False
    choose(call, small(tag))
    if call.interpretation >= HELD:
        return False
    along, size = line(tag, dim), tag.shape[dim]
    length = end - start
    if step > 1:
        return length == size - start and _every(call, along, step)
    equal = call.interpretation in (EQUAL, EQUAL_TIED) and _is_equal_piece(start, length, size)
    if equal:
        pieces = along.view(-1, length)
        for each in pieces[1:]:
            call.ids.unite(pieces[0], each)
    _follow_bounds(call, tag, along, (start, end), equal)
    if length == 1:
        call.ids.fix(along[start:end], by_number(call))
    return True


def _follow_bounds(
    call: Call, tag: Tensor, along: Tensor, bounds: tuple[int, int], equal: bool
) -> None:
    """Let the bounds of a slice follow what is before them, or tell those apart that they count."""
    for bound in bounds:
        if 0 < bound < len(along) and numbers(call, bound):
            choose(call, small(tag), ties=True)
            if not equal or call.interpretation in (EQUAL_TIED, WHOLE_TIED):
                remember(call, along[:bound])
    if not equal:
        _count_from_an_end(call, along, *call.args[2:4])


def selected(call: Call, tag: Tensor) -> bool:
    """Hold the one that is taken out of many; False where they vary along other dimensions too."""
    dim, place = call.args[1] % tag.ndim, call.args[2]
    if varying(tag) != (dim,):
        return False
    along = line(tag, dim)
    _count_from_an_end(call, along, place)
    call.ids.fix(along[place].reshape(1), by_number(call))
    return True


def _count_from_an_end(call: Call, along: Tensor, *bounds: int | None) -> None:
    """Tell those apart that a bound counts: from the first on, or from the last where negative."""
    for bound in bounds:
        if bound is not None and 0 < abs(bound) < len(along):
            call.ids.apart(call.key, along[:bound] if bound > 0 else along[bound:])


def _every(call: Call, along: Tensor, step: int) -> bool:
    """Let each row of `step` neighbours go together; False where they make no whole rows."""
    if len(along) % step:
        return False
    for each in along.view(-1, step).unbind(1):
        call.ids.unite(along[::step], each)
    return True


def pieces_by_size(call: Call, tag: Tensor, pieces: Sequence[Tensor]) -> bool:
    """Let the sizes of a split into pieces follow; False where a module remembers none of them.

    A piece of a size that nobody remembers stays whole, but for the last one of a split into pieces
    of one size, which is what is left.
    """
    dim = call.args[2] % tag.ndim if len(call.args) > 2 else call.kwargs.get("dim", 0) % tag.ndim
    if varying(tag) != (dim,):
        return False
    sizes = [piece.shape[dim] for piece in pieces]
    together = several(call, sizes)
    if not together and not any(numbers(call, size) for size in sizes):
        return False
    choose(call, small(tag))
    if call.interpretation >= HELD:
        return False
    for place, piece in enumerate(pieces):
        for name in together:
            call.ids.depends("attribute", path(call, name), place, line(piece, dim))
        rest = not call.name.endswith("split_with_sizes") and place == len(pieces) - 1
        if not together and numbers(call, sizes[place]):
            remember(call, line(piece, dim))
        elif not together and not rest:
            call.ids.fix(small(piece), by_number(call))
    return True


def _bounds(call: Call, tag: Tensor) -> tuple[int, int, int, int]:
    """Return the dimension, start, end and step of a slice, as whole numbers within its size."""
    dim, start, end, step = [*call.args[1:], *[None] * 4][:4]
    dim = (dim or 0) % tag.ndim
    first, last, every = slice(start, end, step).indices(tag.shape[dim])
    return dim, first, last, every


def _is_equal_piece(start: int, length: int, size: int) -> bool:
    """Whether a slice can be one of a few pieces of one size."""
    if length < 2 or size % length or start % length:
        return False
    return 1 < size // length <= MOST_PIECES
