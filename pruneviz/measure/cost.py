"""What a network costs, counted exactly: parameters and multiply-accumulates, by parameter."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.measure.operators import macs_of, title
from pruneviz.network.folding import folded
from pruneviz.network.inputs import Given, call, first_input
from pruneviz.network.one_trace import ONE_TRACE
from pruneviz.network.study import OperatorMode, slowly
from pruneviz.report import Uncounted
from pruneviz.wording import Fact, judged

OTHER = ""  # products of two activations belong to no parameter


class _Macs(OperatorMode):
    """Adds up the multiply-accumulates of each operator under the parameter that it multiplies."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.names = {id(p): name for name, p in model.named_parameters()}
        self.by_parameter: Counter[str] = Counter()
        self.uncounted: dict[str, None] = {}  # in the order of their first call

    def _owner(self, args: tuple[Any, ...]) -> str:
        tensors = [a for a in args if isinstance(a, Tensor) and a.ndim > 1]
        found = [t if id(t) in self.names else t._base for t in tensors]
        return next((self.names[id(t)] for t in found if id(t) in self.names), OTHER)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        macs = macs_of(func, args, kwargs or {}, out)
        if macs is None:
            self.uncounted[title(func)] = None
        elif macs:
            self.by_parameter[self._owner(args)] += macs
        return out


def macs_by_parameter(model: nn.Module, example: Given) -> dict[str, int]:
    """Return the multiply-accumulates for one input of `example`, (B, …), by parameter name.

    What multiplies two activations is under "". Counted by torch's own formulas for convolutions,
    matrix products and attention, and by ours for others; additions, normalisations, activations,
    pooling, resizing and products number by number count as nothing.
    """
    return counted_macs(model, example)[0]


def counted_macs(model: nn.Module, example: Given) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the same, and the names of the operators that multiply and have no formula."""
    model = folded(model)
    # not inference_mode: there a view does not know the parameter that it is a view of
    with ONE_TRACE, torch.no_grad(), slowly(model), _Macs(model) as counter:
        call(model, first_input(example))  # what is computed once a pass counts whole
    return dict(counter.by_parameter), tuple(counter.uncounted)


def uncounted_alone_notes(found: Uncounted) -> tuple[Fact, ...]:
    """Return what is uncounted in one of the two networks alone, a fact for each."""
    before, after = set(found.original), set(found.pruned)
    sides = {
        "the pruned network": [name for name in found.pruned if name not in before],
        "the original": [name for name in found.original if name not in after],
    }
    return tuple(
        judged.one_alone_calls(whose, ", ".join(names)) for whose, names in sides.items() if names
    )


def masked_macs(macs: dict[str, int], masks: dict[str, Tensor]) -> dict[str, int]:
    """Return the multiply-accumulates left if those with a zero weight were skipped."""
    return {
        name: round(count * int(masks[name].count_nonzero()) / masks[name].numel())
        if name in masks
        else count
        for name, count in macs.items()
    }


def parameters_by_name(model: nn.Module) -> dict[str, int]:
    """Return the number of weights in each parameter; shared ones count once."""
    return {name: p.numel() for name, p in folded(model).named_parameters()}
