"""Gradients of the loss by the weights: batch by batch, sample by sample, and along training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_map

from pruneviz.network.inputs import Batch, some
from pruneviz.statistics.loss import logits_with, loss_of
from pruneviz.statistics.statistic import BATCH_SIZE, STATISTICS, StatisticRequest, Table
from pruneviz.tasks import Task

PER_SAMPLE_NUMBERS = 2**24  # gradients held at once: 64 MB
BACKWARD = 8  # times its logits: about what a large batch takes until its gradient is known


def gradients(
    task: Task, model: nn.Module, x: Batch, y: Tensor, at_once: int = BATCH_SIZE
) -> Iterator[dict[str, Tensor]]:
    """Yield, batch by batch, the gradient of the task's mean loss for each parameter.

    `x` are inputs, `y` targets, (N, …) each. Where fewer run through the model `at_once`, a batch's
    gradient is the sum over its parts. The model keeps its mode, parameters and `.grad`.
    """
    size = _backwards(at_once)
    for start in range(0, len(y), BATCH_SIZE):
        stop = min(start + BATCH_SIZE, len(y))
        total: dict[str, Tensor] = {}
        for begin in range(start, stop, size):
            part = slice(begin, min(begin + size, stop))
            leaves = {n: p.detach().requires_grad_() for n, p in model.named_parameters()}
            with torch.enable_grad():
                loss = loss_of(task, model, leaves, some(x, part), y[part])
                loss = loss * ((part.stop - part.start) / (stop - start))
                found = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
            for name, each in zip(leaves, found, strict=True):
                total[name] = total[name] + each if name in total else each
        yield total


def _backwards(at_once: int) -> int:
    """Return how many inputs go backwards together where so many fit forwards."""
    return at_once if at_once >= BATCH_SIZE else max(1, at_once // BACKWARD)


def whole_gradient(
    asked: StatisticRequest, weights: Mapping[str, Tensor], temperature: float = 1.0
) -> dict[str, Tensor]:
    """Return the gradient of the mean loss over all samples, float64, batches summed up."""
    samples = asked.samples
    total = {name: _zeros(w) for name, w in weights.items()}
    for x, y in samples.batches(_backwards(samples.at_once)):
        leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
        with torch.enable_grad():
            logits = logits_with(asked.model, leaves, x) / temperature
            loss = asked.task.loss(logits, y, "sum")
            found = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        for name, each in zip(leaves, found, strict=True):
            total[name] += each
    return {name: each / len(samples.y) for name, each in total.items()}


def _zeros(weight: Tensor) -> Tensor:
    """Return zeros in a weight's shape, in double precision."""
    return torch.zeros(weight.shape, dtype=torch.promote_types(weight.dtype, torch.float64))


@STATISTICS.register(
    name="gradients",
    title="Gradients",
    family="gradient",
    sentence="The gradient of the loss for each weight; a criterion gets it batch by batch.",
    formula="g = ∂L/∂w",
    source="backpropagation",
    needs=("data", "labels", "derivatives"),
)
def batch_by_batch(asked: StatisticRequest) -> Table:
    """Return nothing: a criterion that asks for gradients scores every batch of `gradients`."""
    return {}


@STATISTICS.register(
    name="squared_gradients",
    title="Squared gradients, sample by sample",
    family="gradient",
    sentence="The mean over samples of the squared gradient of one sample's loss.",
    formula="1/N Σₙ (∂Lₙ/∂w)²",
    source="Theis et al. 2018, arXiv 1801.05787",
    needs=("data", "labels", "derivatives"),
)
def squared_gradients(asked: StatisticRequest) -> Table:
    """Return the mean squared gradient of single samples, in each parameter's shape, float64."""
    model, samples = asked.model, asked.samples
    weights = {name: p.detach() for name, p in model.named_parameters()}
    total = {name: _zeros(w) for name, w in weights.items()}
    together = PER_SAMPLE_NUMBERS // max(1, sum(w.numel() for w in weights.values()))
    for x, y in samples.batches(max(1, together)):
        for name, squares in _squares(asked.task, model, weights, x, y).items():
            total[name] += squares
    return {name: each / len(samples.y) for name, each in total.items()}


def _squares(
    task: Task, model: nn.Module, weights: dict[str, Tensor], x: Batch, y: Tensor
) -> dict[str, Tensor]:
    """Return the squared gradients of a batch's samples, summed; one by one where need be."""

    def one(leaves: dict[str, Tensor], x: Batch, y: Tensor) -> Tensor:
        return loss_of(task, model, leaves, tree_map(lambda leaf: leaf[None], x), y[None])

    if len(y) > 1:
        try:
            with sdpa_kernel(SDPBackend.MATH):  # the others go sample by sample
                found = vmap(grad(one), in_dims=(None, 0, 0))(weights, x, y)
            return {name: each.square().sum(0) for name, each in found.items()}
        except (RuntimeError, ValueError):
            pass  # code that looks at values, or writes in place, runs on single samples only
    total = {name: torch.zeros_like(w) for name, w in weights.items()}
    for at in range(len(y)):
        one_of = slice(at, at + 1)
        for name, each in next(gradients(task, model, some(x, one_of), y[one_of])).items():
            total[name] += each.square()
    return total


@STATISTICS.register(
    name="movement",
    title="Movement",
    family="gradient",
    sentence="How far training moves each weight away from zero.",
    formula="−Σₜ gₜ·wₜ over steps w ← w − η·g, each on all samples",
    source="Sanh et al. 2020, arXiv 2005.07683",
    needs=("data", "labels", "derivatives"),
)
def movement(asked: StatisticRequest) -> Table:
    """Return −Σ g·w over the first steps of a training on all samples, float64.

    A step is taken on the gradient over all samples, so no order of batches plays a part.
    """
    steps, rate = int(asked.settings["steps"]), float(asked.settings["learning_rate"])
    weights = {name: p.detach().clone() for name, p in asked.model.named_parameters()}
    total = {name: _zeros(w) for name, w in weights.items()}
    for _ in range(steps):
        found = whole_gradient(asked, weights)
        for name, each in found.items():
            total[name] -= each * weights[name]
            weights[name] = weights[name] - rate * each.to(weights[name].dtype)
    return total
