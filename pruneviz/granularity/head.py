"""Heads of attention: a unit is a head, with its rows of query, key and value and what reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from pruneviz.coupling import layer_of
from pruneviz.coupling.interpretations import WHOLE
from pruneviz.granularity.channel import ChannelUnits, coupled
from pruneviz.granularity.units import GRANULARITIES, NO_INTERPRETATIONS, Found, Interpretations
from pruneviz.report import LeftOut
from pruneviz.wording import unseen


class _WholeParts(Mapping[str, int]):
    """Readings under which a view that splits channels parts them into whole heads."""

    def __init__(self, interpretations: Interpretations) -> None:
        self._interpretations = interpretations

    def __getitem__(self, call: str) -> int:
        return max(WHOLE, self._interpretations.get(call, WHOLE))

    def __contains__(self, call: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._interpretations)

    def __len__(self) -> int:
        return len(self._interpretations)


@GRANULARITIES.register(
    name="head",
    title="Attention heads",
    family="structured",
    sentence="Cuts whole heads of attention out: their queries, keys, values and what reads them.",
    formula="unit = one head; with grouped queries, a key-value head with its query heads",
    source="Michel et al. 2019, arXiv 1905.10650",
)
def heads(
    model: nn.Module, example: Any, interpretations: Interpretations = NO_INTERPRETATIONS
) -> Found:
    """Trace the model and return the heads of each attention, and the layers without any."""
    found, skipped = coupled(model, example, _WholeParts(interpretations))
    chosen = tuple(units for units in found if units.group.heads)
    return chosen, _without_heads(found, chosen, skipped)


def _without_heads(
    found: tuple[ChannelUnits, ...],
    chosen: tuple[ChannelUnits, ...],
    skipped: tuple[LeftOut, ...],
) -> tuple[LeftOut, ...]:
    """Return what is left out: what cannot be cut at all, and what no head is made of."""
    taken = {layer for units in chosen for layer in units.layers}
    reading = {
        layer_of(member.parameter)
        for units in chosen
        for member in units.group.members
        if not member.produces
    }
    others = dict.fromkeys(layer for units in found for layer in units.layers)
    beside = [
        LeftOut(name, (unseen.reads_heads() if name in reading else unseen.no_heads(),))
        for name in others
        if name not in taken
    ]
    return (*skipped, *beside)
