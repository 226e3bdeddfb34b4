"""What whole blocks change of what passes through them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.granularity.bypassable import first, read_bypass
from pruneviz.granularity.units import Units
from pruneviz.network.inputs import call
from pruneviz.network.study import slowly
from pruneviz.statistics.statistic import STATISTICS, StatisticRequest, Table
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

AT_ONCE = 2**20  # numbers in double precision: 8 MB of an input, and of an output


@STATISTICS.register(
    name="block_influence",
    title="Influence of blocks",
    family="blocks",
    sentence="How far each block turns what passes through it, place by place.",
    formula="1 − mean over places of cos(xᵢ, xᵢ₊₁)",
    source="Men et al. 2024 (ShortGPT), arXiv 2403.03853",
    needs=("data",),
)
def block_influence(asked: StatisticRequest) -> Table:
    """Return 1 − the mean cosine of what goes into each block and what comes out, 0 to 2.

    By units name, (count,), float64. A place is a token, or a pixel of a feature map. One pass;
    of an activation nothing is kept but two sums. ValueError where units are no blocks.
    """
    watched = {path: _Turned() for units in asked.units for path in blocks_of(units)}
    model = asked.looked_at
    with torch.no_grad(), slowly(model), _watching(model, watched):
        for x, _y in asked.samples.batches():
            call(model, x)
    return {
        units.name: torch.stack([watched[path].mean() for path in blocks_of(units)])
        for units in asked.units
    }


def blocks_of(units: Units) -> tuple[str, ...]:
    """Return the paths of the modules that units are, in their order; ValueError where none are."""
    found = units.bypassed(torch.zeros(units.count, dtype=torch.bool))
    if len(found) != units.count:
        raise RefusedError(choosing.blocks_alone("block_influence"))
    return tuple(read_bypass(each)[0] for each in found)


class _Turned:
    """Sums of one block: 1 − cosine over places, and how many places there were."""

    def __init__(self) -> None:
        self.given: Tensor | None = None
        self.along = -1  # the channels' dimension
        self.total = torch.zeros((), dtype=torch.float64)
        self.places = 0

    def begin(self, given: Tensor) -> None:
        """Keep what goes in until the block is through: its own code may write into it."""
        self.given, self.along = given.detach().clone(), -1

    def convolved(self, x: Tensor) -> None:
        """Note that channels lie before pixels, where a convolution reads what goes in."""
        if self.given is not None and x.shape == self.given.shape and x.ndim > 2:
            self.along = 1

    def end(self, out: Tensor) -> None:
        """Add what came out to the sums."""
        if self.given is None:
            return
        before, after = (
            x.movedim(self.along, -1).reshape(-1, x.shape[self.along]) for x in (self.given, out)
        )
        rows = max(1, AT_ONCE // max(1, before.shape[1]))
        for one, other in zip(before.split(rows), after.split(rows), strict=True):
            self.total += (1 - cosine(one.double(), other.double())).sum()
        self.places += len(before)
        self.given = None

    def mean(self) -> Tensor:
        """Return the mean over all places."""
        return self.total / max(1, self.places)


def cosine(one: Tensor, other: Tensor) -> Tensor:
    """Return the cosine of each two rows, (rows,); 1 where both are 0, 0 where one is."""
    size, other_size = one.norm(dim=1), other.norm(dim=1)
    product = size * other_size
    found = (one * other).sum(1) / torch.where(product > 0, product, 1.0)
    return torch.where(size + other_size > 0, found, 1.0)


@contextmanager
def _watching(model: nn.Module, watched: dict[str, _Turned]) -> Iterator[None]:
    """Show each block what goes in and comes out, and what its convolutions read."""
    hooks: list[Any] = []
    try:
        for path, turned in watched.items():
            block = model.get_submodule(path)
            for part in block.modules():
                if isinstance(part, nn.modules.conv._ConvNd):
                    hooks.append(part.register_forward_pre_hook(_reading(turned)))
            before, after = _around(turned)
            hooks.append(block.register_forward_pre_hook(before, with_kwargs=True, prepend=True))
            hooks.append(block.register_forward_hook(after))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _reading(turned: _Turned) -> Any:
    def reads(_module: nn.Module, args: Any) -> None:
        if args and isinstance(args[0], Tensor):
            turned.convolved(args[0])

    return reads


def _around(turned: _Turned) -> tuple[Any, Any]:
    def before(_module: nn.Module, args: Any, kwargs: Any) -> None:
        given = first(args, kwargs)
        if isinstance(given, Tensor):
            turned.begin(given)

    def after(_module: nn.Module, _args: Any, out: Any) -> None:
        turned.end(next(leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)))

    return before, after
