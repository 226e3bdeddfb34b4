"""Cached work of the page Attributions: which tokens the heads of both networks look at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pruneviz.explain import attention
from pruneviz.explain.attention import Attention
from pruneviz.plan import Part, Plan
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.results import Which, network, one_input

Place = tuple[str, int]


@dataclass(frozen=True)
class Heads:
    """What the heads of one attention look at on one text, original beside pruned.

    `original` is (heads, tokens, tokens), `pruned` the same of those that are `left`, bool
    (heads,); `moved` (heads,) is the share of its attention that each moved, 0 for those gone.
    """

    original: Tensor
    pruned: Tensor
    left: Tensor
    moved: Tensor

    def after(self, head: int) -> Tensor | None:
        """Return a head's weights in the pruned network, (tokens, tokens); None if it is gone."""
        return self.pruned[int(self.left[:head].sum())] if bool(self.left[head]) else None


def _deciding(plan: Plan, which: Which, *_: object) -> Plan:
    """Return what of a plan decides a network: of the original, its model and data alone."""
    return plan.without(~Part.SUBJECT) if which == "original" else plan


@cached(cache.plan_key, of=_deciding, most=64, spinner="Looking for heads of attention …")
def places(plan: Plan, which: Which, index: int) -> tuple[Attention, ...]:
    """Return where one of the networks attends to the tokens of a held-out text."""
    return attention.attentions(network(plan, which), one_input(plan, index))


@cached(cache.plan_key, of=_deciding, most=32, spinner="Asking the heads …")
def _weights(plan: Plan, which: Which, index: int, place: Place) -> Tensor:
    return attention.attention_weights(network(plan, which), one_input(plan, index), place)


def first_place(plan: Plan, index: int) -> int:
    """Return the attention that is shown first: the last that loses heads, not all, or the last.

    What goes before it shows there too.
    """
    after = {each.place: each.heads for each in places(plan, "pruned", index)}
    before = places(plan, "original", index)
    losing = [at for at, each in enumerate(before) if 0 < after.get(each.place, 0) < each.heads]
    return losing[-1] if losing else len(before) - 1


def heads(plan: Plan, index: int, before: Attention) -> Heads:
    """Return what the heads of an attention look at; RefusedError where nothing says which stay."""
    original = _weights(plan, "original", index, before.place)
    after = {each.place: each for each in places(plan, "pruned", index)}.get(before.place)
    gone = torch.zeros(before.heads, dtype=torch.bool)
    if after is None:
        return Heads(original, original[:0], gone, torch.zeros(before.heads))
    result = cache.pruned(plan)
    left = attention.heads_left(before, after.heads, result.units, result.keep)
    pruned = _weights(plan, "pruned", index, after.place)
    moved = torch.zeros(before.heads)
    moved[left] = attention.moved(original[left], pruned)
    return Heads(original, pruned, left, moved)
