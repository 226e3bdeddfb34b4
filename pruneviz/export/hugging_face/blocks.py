"""The tensors of a network without the blocks that are left out, the others numbered anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from pruneviz.granularity.bypassable import read_bypass
from pruneviz.granularity.units import belongs
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import exporting


@dataclass(frozen=True)
class Stage:
    """A list of blocks: its path, how many it had, and the numbers of those that stay."""

    path: str
    before: int
    stays: tuple[int, ...]

    def renamed(self, name: str) -> str | None:
        """Return what a tensor or module is called now, None where its block is left out."""
        if not name.startswith(f"{self.path}."):
            return name
        number, dot, rest = name.removeprefix(f"{self.path}.").partition(".")
        if not number.isdigit():
            return name
        if int(number) not in self.stays:
            return None
        return f"{self.path}.{self.stays.index(int(number))}{dot}{rest}"


def stages_of(model: nn.Module, bypassed: Sequence[str]) -> tuple[Stage, ...]:
    """Return the lists of blocks in which some are left out; RefusedError where one is in none."""
    gone: dict[str, set[int]] = {}
    for written in bypassed:
        block, _ = read_bypass(written)
        path, _, number = block.rpartition(".")
        if not isinstance(model.get_submodule(path), nn.ModuleList):
            raise RefusedError(exporting.block_of_no_list(block))
        gone.setdefault(path, set()).add(int(number))
    made = []
    for path, numbers in gone.items():
        before = len(list(model.get_submodule(path).children()))
        made.append(Stage(path, before, tuple(n for n in range(before) if n not in numbers)))
    for one in made:
        if any(belongs(one.path, other.path) for other in made if other is not one):
            raise RefusedError(exporting.block_of_no_list(one.path))
    return tuple(made)


def renamed(name: str, stages: Sequence[Stage]) -> str | None:
    """Return what a tensor or module is called once all stages are shorter, None where it goes."""
    now: str | None = name
    for stage in stages:
        now = None if now is None else stage.renamed(now)
    return now


__all__ = ["Stage", "renamed", "stages_of"]
