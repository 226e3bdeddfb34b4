"""What channels do for the answer: activation times gradient, and conductance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from pruneviz.network.answers import logits_of
from pruneviz.network.inputs import Batch, is_batched, some, tensors
from pruneviz.network.study import slowly
from pruneviz.statistics.layers import Layer
from pruneviz.statistics.observer import LayerObserver, by_channel, find_sites
from pruneviz.statistics.statistic import STATISTICS, Samples, StatisticRequest, Table
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing

Goal = Callable[[Tensor, Tensor], Tensor]  # (output, targets) → one number, summed over samples
Channels = dict[str, Tensor]  # a weight's name → one number a channel


def gate_gradients(asked: StatisticRequest, goal: Goal, samples: Samples) -> Iterator[Channels]:
    """Yield, batch by batch, ∂goal/∂gate for gates of 1 that multiply each channel, (B, outputs).

    That is the sum of activation × gradient over the channel's places, sample by sample.
    """
    sites = find_sites(asked.looked_at, some(samples.x, slice(1)))
    for x, y in samples.batches():
        gates: list[tuple[str, Tensor]] = []

        def gated(
            layer: Layer,
            activation: Tensor,
            dim: int,
            gates: list[tuple[str, Tensor]] = gates,
        ) -> Tensor:
            shape = [1] * activation.ndim
            shape[0], shape[dim] = activation.shape[0], activation.shape[dim]
            gate = activation.new_ones(shape).requires_grad_()
            gates.append((layer.parameter, gate))
            return activation * gate

        watch = LayerObserver(asked.looked_at, asked.layers, sites, answers=gated)
        with torch.enable_grad(), slowly(asked.looked_at), watch:
            logits = logits_of(asked.looked_at, x)
        with torch.enable_grad():
            total = goal(logits, y)
        found = torch.autograd.grad(total, [gate for _, gate in gates], materialize_grads=True)
        yield _joined([name for name, _ in gates], found, len(x))


def _joined(names: list[str], found: tuple[Tensor, ...], count: int) -> Channels:
    """Return the gradients by weight, (B, outputs); a layer that runs twice has the sum."""
    joined: Channels = {}
    for name, each in zip(names, found, strict=True):
        flat = each.reshape(len(each), -1)
        if len(flat) % count == 0:  # windows of a sample, one after another
            flat = flat.reshape(count, -1, flat.shape[1]).sum(1)
        joined[name] = joined.get(name, 0.0) + flat
    return joined


def _loss(asked: StatisticRequest) -> Goal:
    """Return the loss of all samples together."""
    return lambda output, y: asked.task.loss(output, y, "sum")


def _target_scores(asked: StatisticRequest) -> Goal:
    """Return what the targets name in an output, such as their class's logit, summed."""
    return lambda output, y: asked.task.explained(output, y)[0].of(output).sum()


def _mean_over_samples(
    asked: StatisticRequest, goal: Goal, samples: Samples, function: Callable[[Tensor], Tensor]
) -> Table:
    total: Channels = {}
    for found in gate_gradients(asked, goal, samples):
        for name, each in found.items():
            total[name] = total.get(name, 0.0) + function(each.double()).sum(0)
    return {
        name: asked.layers[name].by_output(sums / len(samples.y)) for name, sums in total.items()
    }


@STATISTICS.register(
    name="activation_gradients",
    title="Activation times gradient",
    family="gradient",
    sentence="How much the loss would change without a channel, to first order, sample by sample.",
    formula="mean over samples of |Σ a·∂L/∂a| over the channel's places",
    source="Molchanov et al. 2017, arXiv 1611.06440",
    needs=("data", "labels", "derivatives"),
)
def activation_gradients(asked: StatisticRequest) -> Table:
    """Return the mean over samples of |Σ a·∂L/∂a|, spread over each channel's weights."""
    return _mean_over_samples(asked, _loss(asked), asked.samples, torch.abs)


@STATISTICS.register(
    name="activation_gradient_squares",
    title="Squared activation times gradient",
    family="gradient",
    sentence="The Fisher information of a gate that multiplies a channel.",
    formula="mean over samples of (Σ a·∂L/∂a)² over the channel's places",
    source="Theis et al. 2018, arXiv 1801.05787",
    needs=("data", "labels", "derivatives"),
)
def activation_gradient_squares(asked: StatisticRequest) -> Table:
    """Return the mean over samples of (Σ a·∂L/∂a)², spread over each channel's weights."""
    return _mean_over_samples(asked, _loss(asked), asked.samples, torch.square)


@STATISTICS.register(
    name="relevance",
    title="Relevance for chosen classes",
    family="attribution",
    sentence="What each channel adds to the answer for samples of the chosen classes.",
    formula="conductance: Σₖ (aₖ − aₖ₋₁)·∂f/∂aₖ along the way from input 0; or a·∂f/∂a",
    source="Dhamdhere et al. 2018, arXiv 1805.12233; Yeom et al. 2019, arXiv 1912.08881",
    needs=("data", "labels", "derivatives", "classes"),
)
def relevance(asked: StatisticRequest) -> Table:
    """Return the mean over samples of the chosen classes of |relevance| of each channel."""
    samples = chosen(asked)
    if asked.settings["method"] == "activation_x_gradient":
        return _mean_over_samples(asked, _target_scores(asked), samples, torch.abs)
    total: Channels = {}
    for x, y in samples.batches():
        for name, each in conductance(asked, x, y, int(asked.settings["steps"])).items():
            total[name] = total.get(name, 0.0) + each.abs().sum(0)
    return {
        name: asked.layers[name].by_output(sums / len(samples.y)) for name, sums in total.items()
    }


def conductance(asked: StatisticRequest, x: Batch, y: Tensor, steps: int) -> Channels:
    """Return the conductance of each channel for the label's logit, (B, outputs), float64.

    The way from input 0 to `x`, (B, …), is walked in so many steps; only two of them are held.
    """
    sites = find_sites(asked.looked_at, some(x, slice(1)))
    before: list[tuple[Layer, Tensor, int]] = []
    total: Channels = {}
    for step in range(steps + 1):
        here: list[tuple[Layer, Tensor, int]] = []

        def noted(
            layer: Layer,
            activation: Tensor,
            dim: int,
            here: list[tuple[Layer, Tensor, int]] = here,
        ) -> Tensor:
            # a new tensor: what is changed in place afterwards must not change this one
            kept = activation.clone()
            kept = kept if kept.requires_grad else kept.requires_grad_()
            here.append((layer, kept, dim))
            return kept.clone()

        watch = LayerObserver(asked.looked_at, asked.layers, sites, answers=noted)
        with torch.enable_grad(), slowly(asked.looked_at), watch:
            logits = logits_of(asked.looked_at, _shrunk(x, step / steps))
        with torch.enable_grad():
            goal = _target_scores(asked)(logits, y)
        tensors = [kept for _, kept, _ in here]
        found = torch.autograd.grad(goal, tensors, materialize_grads=True)
        if before:
            for (layer, now, dim), (_, then, _), g in zip(here, before, found, strict=True):
                flow = by_channel((now.detach() - then) * g, dim).double()
                rows = len(x) if len(flow) % len(x) == 0 else 1  # a table of places, no samples
                flow = flow.reshape(rows, -1, *flow.shape[1:]).sum(1)
                flow = flow.flatten(2).sum(2) if flow.ndim > 2 else flow
                total[layer.parameter] = total.get(layer.parameter, 0.0) + flow
        before = [(layer, kept.detach(), dim) for layer, kept, dim in here]
    return total


def _shrunk(x: Batch, share: float) -> Batch:
    """Return inputs on the way from 0."""
    moved: Batch = tree_map(lambda leaf: leaf * share if is_batched(leaf) else leaf, x)
    return moved


def chosen(asked: StatisticRequest) -> Samples:
    """Return the samples of the classes that a criterion's setting `classes` names.

    ValueError where their conductance is asked for and they are tokens, or hold whole numbers.
    """
    real = all(each.is_floating_point() for each in tensors(asked.samples.x))
    if asked.settings["method"] == "conductance" and not real:
        raise RefusedError(choosing.no_way_to_tokens(asked.criterion))
    return of_classes(asked.samples, str(asked.settings["classes"]))


def of_classes(samples: Samples, named: str) -> Samples:
    """Return the samples of the classes that are named, by name or number, with commas between.

    ValueError where a class does not exist or has no sample; nothing named means all.
    """
    wanted = [name.strip() for name in named.split(",") if name.strip()]
    if not wanted:
        return samples
    count = len(samples.classes) or int(samples.y.max()) + 1
    numbers = [class_number(samples.classes, count, name) for name in wanted]
    among = torch.isin(samples.y, torch.tensor(numbers))
    for name, number in zip(wanted, numbers, strict=True):
        if not bool((samples.y == number).any()):
            raise RefusedError(choosing.class_without_samples(name))
    return replace(samples, x=some(samples.x, among), y=samples.y[among])


def class_number(classes: tuple[str, ...], count: int, name: str) -> int:
    """Return which of `count` classes is called so, or has that number; RefusedError for none."""
    if name in classes:
        return classes.index(name)
    if name.isdecimal() and int(name) < count:
        return int(name)
    known = ", ".join(classes[:10]) or f"0 to {count - 1}"
    raise RefusedError(choosing.no_such_class(name, known))
