"""Synaptic flow: what passes through a network of positive weights, without any data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from pruneviz.network.inputs import Given, first_input
from pruneviz.network.masks import Masks, combine
from pruneviz.statistics.loss import logits_with
from pruneviz.statistics.statistic import STATISTICS, StatisticRequest, Table
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing


def flow_gradients(model: nn.Module, shown: Given, weights: Mapping[str, Tensor]) -> Table:
    """Return |w| ⊙ ∂R/∂|w|, R = Σ of the answers to an input of ones, float64.

    Biases and running means are 0, so that R is made of products of weights, as in the paper;
    running variances stay. `weights` are the absolute values, by name.
    """
    leaves = {name: w.detach().clone().requires_grad_() for name, w in weights.items()}
    buffers = {
        name: torch.zeros_like(b) if name.endswith("running_mean") else b
        for name, b in _double(dict(model.named_buffers())).items()
    }
    with torch.enable_grad():
        out = logits_with(model, {**leaves, **buffers}, shown)
        answers = [t for t in tree_leaves(out) if isinstance(t, Tensor) and t.is_floating_point()]
        total = torch.stack([answer.double().sum() for answer in answers]).sum()
        found = torch.autograd.grad(total, list(leaves.values()), materialize_grads=True)
    return {name: w.detach() * g for (name, w), g in zip(leaves.items(), found, strict=True)}


def _double(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n: t.detach().double() if t.is_floating_point() else t for n, t in tensors.items()}


def positive_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return |w| for each parameter, float64, and 0 for each bias."""
    return {
        name: torch.zeros_like(w) if name.rpartition(".")[2] == "bias" else w.abs()
        for name, w in _double(dict(model.named_parameters())).items()
    }


def ones_like(example: Any) -> Any:
    """Return ones in the place of a single input's values."""
    return tree_map_only(Tensor, _ones, first_input(example))


def _ones(tensor: Tensor) -> Tensor:
    return torch.ones_like(tensor, dtype=torch.float64) if tensor.is_floating_point() else tensor


@STATISTICS.register(
    name="synaptic_flow",
    title="Synaptic flow",
    family="data-free",
    sentence="In which order units go when the lowest flow goes first, re-measured each time.",
    formula="w ⊙ ∂R/∂w, R = 1ᵀ(Π|W|)1",
    source="Tanaka et al. 2020, arXiv 2006.05467",
    needs=("derivatives",),
)
def synaptic_flow(asked: StatisticRequest) -> Table:
    """Return each unit's place in the order of elimination, in (0, 1], by units name, (count,).

    After round k of n, a fraction (1 − final)^(k/n) of all units is left.
    """
    rounds, final = int(asked.settings["rounds"]), float(asked.settings["final_sparsity"])
    counts = [layer.count for layer in asked.units]
    total = sum(counts)
    gone = torch.full((total,), rounds + 1)  # the round in which a unit went
    weights, shown = positive_weights(asked.model), ones_like(asked.example)
    scores = torch.zeros(total, dtype=torch.float64)
    for number in range(1, rounds + 1):
        alive = gone > rounds
        masks = _masks(asked, alive, counts)
        try:
            found = flow_gradients(asked.model, shown, _masked(weights, masks))
        except RuntimeError as error:
            raise RefusedError(choosing.not_in_double_precision()) from error
        fresh = torch.cat([layer.sum(found.__getitem__) for layer in asked.units])
        scores = torch.where(alive, fresh.double(), scores)
        left = max(1, round(total * (1 - final) ** (number / rounds)))
        leaving = max(0, int(alive.sum()) - left)
        order = torch.argsort(scores.masked_fill(~alive, torch.inf), stable=True)
        gone[order[:leaving]] = number
    return dict(zip((u.name for u in asked.units), _order(gone, scores).split(counts), strict=True))


def _masks(asked: StatisticRequest, alive: Tensor, counts: list[int]) -> Masks:
    parts = zip(asked.units, alive.split(counts), strict=True)
    return combine(layer.masks(keep) for layer, keep in parts)


def _masked(weights: Mapping[str, Tensor], masks: Masks) -> dict[str, Tensor]:
    return {name: w * masks[name] if name in masks else w for name, w in weights.items()}


def _order(gone: Tensor, scores: Tensor) -> Tensor:
    """Return places from 1 / n to 1: by the round in which units went, then by score."""
    by_score = torch.argsort(scores, stable=True)
    order = by_score[torch.argsort(gone[by_score], stable=True)]
    places = torch.empty(len(gone), dtype=torch.float64)
    places[order] = torch.arange(1, len(gone) + 1, dtype=torch.float64) / len(gone)
    return places
