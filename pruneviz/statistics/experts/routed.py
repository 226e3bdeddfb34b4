"""What each expert adds to the tokens that it serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.granularity.expert import ExpertUnits
from pruneviz.network.inputs import call
from pruneviz.network.study import slowly
from pruneviz.statistics.statistic import STATISTICS, StatisticRequest, Table
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing


@STATISTICS.register(
    name="routed_activation",
    title="Routed activations of experts",
    family="experts",
    sentence="How much each expert adds to a token that it serves, as the router weighs it.",
    formula="mean over tokens x served by expert j of gⱼ(x) · ‖fⱼ(x)‖₂",
    source="Lasby et al. 2025 (REAP), arXiv 2510.13999",
    needs=("data",),
)
def routed_activation(asked: StatisticRequest) -> Table:
    """Return the mean weighted norm of each expert's answers, 0 where it serves no token.

    By units name, (count,), float64. One pass, in which each expert answers once more, alone; of
    its answers nothing is kept but a sum. ValueError where units are no experts.
    """
    mixtures = [units for units in asked.units if isinstance(units, ExpertUnits)]
    if len(mixtures) != len(asked.units):
        raise RefusedError(choosing.experts_alone(asked.criterion))
    model = asked.looked_at
    served = {units.name: _Served(model.get_submodule(units.experts), units) for units in mixtures}
    with torch.no_grad(), slowly(model), _watching(model, served):
        for x, _y in asked.samples.batches():
            call(model, x)
    return {name: each.mean() for name, each in served.items()}


class _Served:
    """Sums over the tokens that each expert of a mixture serves."""

    def __init__(self, experts: nn.Module, units: ExpertUnits) -> None:
        self._experts = experts
        self._total = torch.zeros(units.count, dtype=torch.float64)
        self._tokens = torch.zeros(units.count, dtype=torch.float64)
        self._alone = False

    def add(self, tokens: Tensor, chosen: Tensor, weights: Tensor) -> None:
        """Add tokens (n, width) with the experts that serve them, (n, k), and their weights."""
        if self._alone:
            return
        self._alone = True
        try:
            for expert in chosen.unique().tolist():
                token, place = torch.nonzero(chosen == expert, as_tuple=True)
                given = (
                    tokens[token],
                    chosen[token, place, None],
                    torch.ones_like(weights[token, place, None]),
                )
                size = call(self._experts, given).double().norm(dim=-1)
                self._total[expert] += (weights[token, place].double() * size).sum().cpu()
                self._tokens[expert] += len(token)
        finally:
            self._alone = False

    def mean(self) -> Tensor:
        """Return the means over the tokens that each expert served, (count,)."""
        return self._total / self._tokens.clamp_min(1)


@contextmanager
def _watching(model: nn.Module, served: Mapping[str, _Served]) -> Iterator[None]:
    """Show each mixture what its experts are given."""
    hooks: list[Any] = []

    def looking(each: _Served) -> Any:
        def look(_module: nn.Module, args: Any, kwargs: Any) -> None:
            tokens, chosen, weights = (*args, *kwargs.values())[:3]
            each.add(tokens, chosen, weights)

        return look

    try:
        for path, each in served.items():
            experts = model.get_submodule(path)
            hooks.append(experts.register_forward_pre_hook(looking(each), with_kwargs=True))
        yield
    finally:
        for hook in hooks:
            hook.remove()


__all__ = ["routed_activation"]
