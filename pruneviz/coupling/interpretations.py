"""Views and parts of channels: which interpretation is taken, and what each keeps together.

A view that splits channels, or a slice of them, says by its numbers alone neither which channels
are alike nor whether the numbers would follow a cut. So there are interpretations, from the one
that cuts most finely to the one that cuts nothing, and the proof says which holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pruneviz.coupling.call import Call, refuted
from pruneviz.coupling.ids import collapse, line, small, varying
from pruneviz.coupling.remembered import numbers_like, several_like
from pruneviz.network.cuttable_forms import STAYS, Explicit

# The odd ones are those before, and sizes are tied besides to what the calling module takes in.
EQUAL, EQUAL_TIED, WHOLE, WHOLE_TIED, HELD = range(5)
FIRST_INTERPRETATION = EQUAL
RECURRENT = (nn.RNNBase, nn.RNNCellBase)
MULTIPLES = (2, 3)  # queries, keys and values; values and gates


class ViewInterpretation(NamedTuple):
    """A call that can be read in several ways, and the module that makes it.

    `ties` says whether sizes can be tied to what the module takes in, `interpretation` how it was
    read.
    """

    key: str
    owner: str
    ties: bool = False
    interpretation: int = FIRST_INTERPRETATION

    @property
    def next(self) -> int:
        """Return the interpretation after this one, beyond HELD where there is none."""
        if self.ties or self.interpretation >= WHOLE_TIED:
            return self.interpretation + 1
        return WHOLE if self.interpretation < WHOLE else HELD


def choose(call: Call, ids: Tensor, ties: bool = False) -> None:
    """Record how a call was read, of those that can be read in several ways."""
    if isinstance(call.ids.model.get_submodule(call.owner), RECURRENT):
        return  # its gates are equal parts, whatever the code around it does
    call.ids.choose(call.key, call.owner, ids, call.interpretation, ties)


def split(call: Call, tag: Tensor, moved: Tensor) -> Tensor:
    """Return the ids of a view that splits one dimension of varying ids into several.

    EQUAL removes the same ones from each part (the width inside heads, the channels of each
    shuffled group); WHOLE removes whole parts (heads); HELD removes none of them.
    """
    dims = varying(moved)
    choose(call, small(tag))
    if call.interpretation >= HELD:
        call.ids.fix(small(tag), refuted(call))
        return moved
    kept = dims[-1] if call.interpretation in (EQUAL, EQUAL_TIED) else dims[-2]
    first = moved
    for dim in dims:
        if dim != kept:
            first = first.narrow(dim, 0, 1)
    first = first.expand(moved.shape)
    call.ids.unite(*(small_alike(first, moved)))
    return collapse(first)


def small_alike(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return two id tensors of one shape without the dimensions along which neither varies."""
    for dim in range(first.ndim):
        if first.shape[dim] > 1 and first.stride(dim) == 0 and second.stride(dim) == 0:
            first, second = first.narrow(dim, 0, 1), second.narrow(dim, 0, 1)
    return first, second


def remembered_sizes(call: Call, before: Tensor, tag: Tensor, sizes: Any) -> None:
    """Let the sizes that the calling module remembers follow the ids that they count.

    `sizes` is what the view was asked for. A size that no module remembers may be computed from
    what the module takes in: then both are tied, where the interpretation says so.
    """
    if not call.asked:
        return
    if call.given is not None and len(call.given) == tag.ndim:
        sizes = call.given
    if not isinstance(sizes, list | tuple) or len(sizes) != tag.ndim:
        return
    together = several(call, sizes)
    as_before = {before.shape[dim] for dim in varying(before)}
    for dim in varying(tag):
        size = tag.shape[dim]
        if sizes[dim] != size:  # it was left open
            continue
        along = line(tag, dim)
        for name in together:
            call.ids.depends("attribute", path(call, name), dim, along)
        remember(call, along, dim, sizes)
        _tie(call, along, changed=size not in as_before)


def remember(call: Call, along: Tensor, dim: int = 0, asked: Sequence[int] = ()) -> None:
    """Let the whole numbers that the calling module remembers follow the ids that they count.

    Where none is that large, it may be a part: two or three times as many are asked for. `asked`
    are all sizes that the code wrote, of which this is the one of `dim`.
    """
    size = len(along)
    places = [place for place, each in enumerate(asked) if each == size]
    names = _meant(call, numbers(call, size, max(1, len(places))), places, dim)
    for name in names:
        call.ids.depends("attribute", path(call, name), -1, along)
    for times in MULTIPLES if not names and call.interpretation in (EQUAL_TIED, WHOLE_TIED) else ():
        part = size // times
        if size % times or part in asked:  # what counts another dimension is no part of this one
            continue
        if parts := numbers(call, part):
            pieces = along.view(times, -1)
            for piece in pieces[1:]:
                call.ids.unite(pieces[0], piece)
            for name in parts:
                call.ids.depends("attribute", path(call, name), -1, pieces[0])
            return


def picked(call: Call, operand: Tensor, tag: Tensor) -> bool:
    """Let what the calling module remembers of each head follow the ids, where it says `outside`.

    `operand` has what is of these heads, picked out of what comes from outside. False where the
    module remembers nothing of the kind.
    """
    module, dims = call.ids.model.get_submodule(call.owner), varying(tag)
    if not isinstance(module, Explicit) or not module.outside or len(dims) != 1:
        return False
    along = line(tag, dims[0])
    place = dims[0] - (tag.ndim - operand.ndim)
    there = [n for n, each in enumerate(getattr(module, module.outside)) if each == STAYS]
    if not operand.shape[place] == len(along) == len(there):
        return False
    for number, each in zip(there, along.tolist(), strict=True):
        call.ids.depends("attribute", path(call, module.outside), number, torch.tensor([-1, each]))
    return True


def _meant(call: Call, names: list[str], places: list[int], dim: int) -> list[str]:
    """Return the numbers that count a dimension, where the code wrote that size at several places.

    Several numbers are meant in the order in which they were read. A single one is that of the
    first place where the others can be computed from what the module takes in, else of the last.
    """
    if len(places) < 2 or not names:
        return names
    if len(names) == 1:
        tied = call.interpretation in (EQUAL_TIED, WHOLE_TIED)
        return names if dim == places[0 if tied else -1] else []
    return names[places.index(dim) :][:1]


def _tie(call: Call, along: Tensor, changed: bool) -> None:
    """Tie ids to those of the calling module's input, of which they can be a whole part."""
    if type(call.ids.model.get_submodule(call.owner)).__module__.startswith("torch.nn"):
        return
    own = set(along.tolist())
    for tag in call.taken():
        dims = varying(tag)
        if len(dims) != 1 or tag.shape[dims[0]] % len(along) or len(along) == 1:
            continue
        source = line(tag, dims[0])
        if own & set(source.tolist()):
            continue
        if call.interpretation in (EQUAL_TIED, WHOLE_TIED):
            call.ids.unite(source.view(-1, len(along)), along.expand(len(source) // len(along), -1))
        choose(call, along, ties=True)
        if call.interpretation >= HELD and changed:
            call.ids.fix(along, refuted(call))
        return


def path(call: Call, name: str) -> str:
    """Return the path of an attribute of the calling module."""
    return f"{call.owner}.{name}" if call.owner else name


def numbers(call: Call, size: int, times: int = 1) -> list[str]:
    """Return the names of the calling module's whole numbers that are that large."""
    if not call.asked:
        return []
    return numbers_like(call.ids.model.get_submodule(call.owner), size, call.ids.reads, times)


def several(call: Call, sizes: Sequence[int]) -> list[str]:
    """Return the name of the calling module's tuple or list of these sizes."""
    if not call.asked:
        return []
    return several_like(call.ids.model.get_submodule(call.owner), list(sizes), call.ids.reads)
