"""What channels answer: moments, zeros, entropy and rank of each channel's activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pruneviz.statistics.layers import Layer
from pruneviz.statistics.statistic import STATISTICS, Statistic, StatisticRequest, Table

Sums = dict[str, Tensor]


class Activations:
    """An observer of activations; one number a channel is spread over the channel's weights."""

    passes = 1

    def __init__(self, asked: StatisticRequest) -> None:
        self.asked = asked
        self.seen: dict[str, int] = {}
        self.sums: Sums = {}
        self.at_pass = 0

    def reads(self, layer: Layer, x: Tensor, options: Mapping[str, Any]) -> None:
        """Take no part of it."""

    def answers(self, layer: Layer, activation: Tensor) -> None:
        """Take in an activation, (B, outputs, …)."""
        if self.at_pass < self.passes:
            self.add(layer.parameter, with_places(activation).flatten(2))

    def add(self, name: str, activation: Tensor) -> None:
        """Add a batch to the sums."""
        raise NotImplementedError

    def turn(self) -> None:
        """End a pass."""
        self.at_pass += 1

    def values(self) -> Sums:
        """Return the statistic by weight, (outputs,), float64."""
        return {name: sums / self.seen[name] for name, sums in self.sums.items()}

    def table(self) -> Table:
        """Return the statistic in the weights' shapes."""
        return {name: self.asked.layers[name].by_output(v) for name, v in self.values().items()}


def with_places(activation: Tensor) -> Tensor:
    """Return (B, outputs) as (B, outputs, 1), and what has places as it is."""
    return activation.unsqueeze(2) if activation.ndim == 2 else activation


class Mean(Activations):
    """The mean over samples and places of a function of the activation.

    `summed` is the function's sum over the last dimension, that of the places, in single precision,
    which is fast; samples are summed in float64.
    """

    def __init__(self, asked: StatisticRequest, summed: Callable[[Tensor], Tensor]) -> None:
        super().__init__(asked)
        self._summed = summed

    def add(self, name: str, activation: Tensor) -> None:
        """Add a batch to the sums."""
        self.seen[name] = self.seen.get(name, 0) + len(activation) * activation.shape[2]
        wide = activation if activation.dtype.itemsize > 2 else activation.float()
        sums = self._summed(wide).sum(0, dtype=torch.float64)
        self.sums[name] = self.sums.get(name, 0.0) + sums


class Variance(Activations):
    """The variance over samples and places, merged from those of the batches."""

    def __init__(self, asked: StatisticRequest) -> None:
        super().__init__(asked)
        self._means: Sums = {}

    def add(self, name: str, activation: Tensor) -> None:
        """Merge a batch (Chan et al. 1979): exact where the mean is far from 0."""
        count = len(activation) * activation.shape[2]
        variance, mean = torch.var_mean(activation.double(), (0, 2), correction=0)
        before = self.seen.get(name, 0)
        if not before:
            self.sums[name], self._means[name] = variance * count, mean
        else:
            away = mean - self._means[name]
            total = before + count
            self.sums[name] += variance * count + away.square() * before * count / total
            self._means[name] = self._means[name] + away * count / total
        self.seen[name] = before + count


class Entropy(Activations):
    """The entropy of a channel's mean activation over the samples, from a histogram.

    The first pass finds the range, the second one counts.
    """

    passes = 2

    def __init__(self, asked: StatisticRequest) -> None:
        super().__init__(asked)
        self._low: Sums = {}
        self._high: Sums = {}

    def add(self, name: str, activation: Tensor) -> None:
        """Widen the range, or count."""
        pooled = activation.mean(2).double()  # (B, outputs)
        if self.at_pass == 0:
            low, high = pooled.amin(0), pooled.amax(0)
            self._low[name] = torch.minimum(self._low.get(name, low), low)
            self._high[name] = torch.maximum(self._high.get(name, high), high)
            return
        bins = int(self.asked.settings["bins"])
        width = (self._high[name] - self._low[name]).clamp_min(torch.finfo(torch.double).tiny)
        place = ((pooled - self._low[name]) / width * bins).long().clamp(0, bins - 1)
        counts = torch.nn.functional.one_hot(place, bins).sum(0).double()
        self.sums[name] = self.sums.get(name, 0.0) + counts
        self.seen[name] = self.seen.get(name, 0) + len(pooled)

    def values(self) -> Sums:
        """Return −Σ p·log p by weight, (outputs,); 0 for a constant channel."""
        return {
            name: torch.special.entr(counts / self.seen[name]).sum(1)
            for name, counts in self.sums.items()
        }


class Rank(Activations):
    """The mean rank of a channel's feature maps, over the first samples."""

    def answers(self, layer: Layer, activation: Tensor) -> None:
        """Add the ranks of a batch's maps, until as many samples are seen as were asked for."""
        name = layer.parameter
        maps = activation[: max(0, int(self.asked.settings["inputs"]) - self.seen.get(name, 0))]
        if not len(maps):
            return
        maps = with_places(maps)
        maps = maps.unsqueeze(2) if maps.ndim == 3 else maps  # (B, outputs, 1, places)
        ranks = with_places(torch.linalg.matrix_rank(maps).double()).flatten(2).mean(2).sum(0)
        self.sums[name] = self.sums.get(name, 0.0) + ranks
        self.seen[name] = self.seen.get(name, 0) + len(maps)


def _register(
    name: str, title: str, sentence: str, formula: str, source: str
) -> Callable[[Statistic], Statistic]:
    return STATISTICS.register(
        name=name, title=title, family="forward", sentence=sentence, formula=formula,
        source=source, needs=("data",),
    )  # fmt: skip


@_register(
    "activation_mean", "Mean size of the activation",
    "How large a channel's activation is on average.", "mean of |a|", "Molchanov et al. 2017, "
    "arXiv 1611.06440",
)  # fmt: skip
def activation_mean(asked: StatisticRequest) -> Activations:
    """Return the observer of mean |a|."""
    return Mean(asked, lambda a: a.abs().sum(-1))


@_register(
    "activation_squares", "Mean square of the activation",
    "How much energy a channel's activation has.", "mean of a²", "Molchanov et al. 2017, "
    "arXiv 1611.06440",
)  # fmt: skip
def activation_squares(asked: StatisticRequest) -> Activations:
    """Return the observer of mean a²."""
    return Mean(asked, lambda a: torch.linalg.vector_norm(a, 2, -1).double().square())


@_register(
    "activation_zeros", "Fraction of zeros", "How often a channel answers 0.",
    "mean of [a = 0]", "Hu et al. 2016, arXiv 1607.03250",
)  # fmt: skip
def activation_zeros(asked: StatisticRequest) -> Activations:
    """Return the observer of the fraction of zeros."""
    return Mean(asked, lambda a: a.shape[-1] - a.sign().abs_().sum(-1))


@_register(
    "activation_variance", "Variance of the activation",
    "How much a channel's activation varies over samples and places.", "mean of (a − ā)²",
    "Polyak and Wolf 2015; Molchanov et al. 2017, arXiv 1611.06440",
)  # fmt: skip
def activation_variance(asked: StatisticRequest) -> Activations:
    """Return the observer of the variance."""
    return Variance(asked)


@_register(
    "activation_entropy", "Entropy of the activation",
    "How much a channel's mean activation tells the samples apart.",
    "−Σ p·log p over the bins of a histogram", "Luo and Wu 2017, arXiv 1706.05791",
)  # fmt: skip
def activation_entropy(asked: StatisticRequest) -> Activations:
    """Return the observer of the entropy; the criterion's setting `bins` divides the range."""
    return Entropy(asked)


@_register(
    "activation_rank", "Rank of the feature maps",
    "How many independent rows a channel's feature maps have on average.", "mean of rank(a)",
    "Lin et al. 2020, arXiv 2002.10179",
)  # fmt: skip
def activation_rank(asked: StatisticRequest) -> Activations:
    """Return the observer of ranks; the criterion's setting `inputs` says of how many samples."""
    return Rank(asked)
