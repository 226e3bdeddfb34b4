"""What every explicit form is, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

STAYS = 2  # of a head that is there; 1 of one that has gone, as surgery writes sizes of at least 1


class Explicit(nn.Module):
    """A module that reads the sizes of its parts off its tensors.

    `counts` names the whole numbers that it remembers all the same, so that surgery changes these
    and no other that happens to have the same value. `projections` names the weights that are no
    module's of their own, or of which equal parts are used apart, with the number of these parts.
    `outside` names a tuple that says of each head whether it `STAYS`, where what comes from outside
    is of all heads.
    """

    counts: ClassVar[tuple[str, ...]] = ()
    projections: ClassVar[Mapping[str, int]] = MappingProxyType({})
    outside: ClassVar[str] = ""

    def take_form(self, original: nn.Module) -> None:
        """Remember what the tensors do not tell; `original` is the module at its full size."""
        raise NotImplementedError


def kind_of(module: nn.Module) -> str:
    """Return the name of a module's type, of an explicit form that of the type whose form it is."""
    return next(c.__name__ for c in type(module).__mro__ if not issubclass(c, Explicit))


def parts(packed: Tensor, value_rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows of query, key and value in a packed projection, (rows, …) each.

    Query and key have equally many, the value `value_rows`.
    """
    rows = (packed.shape[0] - value_rows) // 2
    query, key, value = packed.split([rows, rows, value_rows])
    return query, key, value


def projected(
    inputs: tuple[Tensor, Tensor, Tensor],
    weights: tuple[Tensor, Tensor, Tensor],
    biases: tuple[Tensor | None, Tensor | None, Tensor | None],
    heads: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Project (…, tokens, E) to query, key and value by heads, (…, heads, tokens, width) each."""
    query, key, value = (
        by_heads(F.linear(x, weight, bias), heads)
        for x, weight, bias in zip(inputs, weights, biases, strict=True)
    )
    return query, key, value


def by_heads(x: Tensor, heads: int) -> Tensor:
    """Split (…, tokens, heads · width) into (…, heads, tokens, width)."""
    return x.view(*x.shape[:-1], heads, -1).transpose(-2, -3)


def joined(x: Tensor) -> Tensor:
    """Join (…, heads, tokens, width) into (…, tokens, heads · width)."""
    return x.transpose(-2, -3).flatten(-2)
