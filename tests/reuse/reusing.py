"""The oracle of all tests of reuse: a plain pass over the same batches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import apply
from pruneviz.criteria import Evidence, score
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.reuse import Evaluator


def plain(evaluator: Evaluator, network: nn.Module) -> Tensor:
    """Return what a plain pass answers, (N, classes), in the order of the evaluator's inputs."""
    with torch.inference_mode():
        logits = torch.cat([network(evaluator.x[part]) for part in evaluator.parts])
    return logits[torch.argsort(evaluator.order)]


def variants(model: nn.Module, example: Tensor, granularity: str, sparsity: float, most: int = 99):
    """Yield the network with each layer pruned alone, `most` of them evenly spread."""
    units, _ = find_units(model, example, granularity)
    weights = {name: p.detach() for name, p in model.named_parameters()}
    ranking = Ranking(score("magnitude_l1", {}, units, Evidence(weights, {}, 0)))
    for layer in units[:: max(1, len(units) // most)]:
        plan = Plan(scope="layer", layers={layer.name: sparsity})
        yield layer.name, apply(model, (layer,), allocate((layer,), ranking, plan).keep).model


def assert_reused(evaluator: Evaluator, network: nn.Module, what: str = "") -> None:
    """Assert that the evaluator's logits are those of a plain pass, and were not made by one."""
    fell_back = evaluator.fell_back
    assert evaluator.why_plain is None
    assert torch.equal(evaluator.answers(network), plain(evaluator, network)), what
    assert evaluator.fell_back == fell_back, what
