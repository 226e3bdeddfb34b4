"""Which place in a cache of keys and values each block has, where blocks before it are left out.

A block of transformers remembers its place, and how many tokens a cache holds is read at the first
one: where no block has that, a generated text goes on as if nothing stood before it. So the blocks
that stay move up. A cache holds other lengths for other kinds of attention, and a place is of the
kind that `layer_types` of the configuration names: a block moves to the first free one of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from pruneviz.granularity.bypassable import read_bypass
from pruneviz.pruned.bypass import Bypass

PLACE = "layer_idx"  # as all families of transformers call it


def move_up(model: nn.Module, bypassed: Sequence[str]) -> None:
    """Number the blocks of each stage anew in which some are bypassed; the model itself changes.

    Stages whose blocks do not each have one place of their own stay as they are.
    """
    blocks = (read_bypass(each)[0] for each in bypassed)
    for path in dict.fromkeys(block.rpartition(".")[0] for block in blocks):
        _move_up(list(model.get_submodule(path).children()), getattr(model, "config", None))


def _move_up(blocks: list[nn.Module], config: Any) -> None:
    stays = [block for block in blocks if not isinstance(block, Bypass)]
    found = [_places(block) for block in stays]
    before = {place for places in found for place in places}
    if any(len(places) > 1 for places in found) or len(before) < sum(map(len, found)):
        return
    numbered = [(block, place) for block, own in zip(stays, found, strict=True) for place in own]
    free = sorted(before.union(*map(_places, blocks)))
    if not numbered or free[0] < 0:
        return
    kinds = _kinds(numbered[0][0], config)
    if kinds is None or len(kinds) <= free[-1]:
        kinds = [None] * (free[-1] + 1)
    if kinds[free[0]] not in (kinds[place] for _, place in numbered):
        kinds[free[0]] = kinds[numbered[0][1]]  # the block that it was of is gone
    for block, place in numbered:
        to = next(number for number in free if kinds[number] == kinds[place])
        free.remove(to)
        for part in block.modules():
            if PLACE in vars(part):
                setattr(part, PLACE, to)


def _places(block: nn.Module) -> set[int]:
    """Return the places that a block and its parts remember."""
    found = (vars(part).get(PLACE) for part in block.modules())
    return {place for place in found if type(place) is int}


def _kinds(block: nn.Module, config: Any) -> list[Any] | None:
    """Return which kind of attention each place of the cache is for, where that is written down."""
    own = [vars(part)["config"] for part in block.modules() if "config" in vars(part)]
    kinds = getattr(own[0] if own else config, "layer_types", None)
    return kinds if isinstance(kinds, list) else None


__all__ = ["move_up"]
