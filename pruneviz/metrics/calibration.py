"""Metrics of probabilities: how far they are from what then happens."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from pruneviz.metrics.classification import STUDENT
from pruneviz.metrics.metric import METRICS, Metric, Tally
from pruneviz.metrics.rules import Mean, OfMeans

BINS = 15


def squared_distance(tally: Tally) -> Tensor:
    """Return how far the probabilities of each input are from the truth, squared, (N,)."""
    probabilities = tally["logits"].double().softmax(1)
    truth = one_hot(tally["target"], probabilities.shape[1])
    return (probabilities - truth).square().sum(1)


def confidence_by_bin(tally: Tally) -> Tensor:
    """Return the largest probability less whether it was right, in the column of its bin, (N, 15).

    A bin holds its lower end, as torchmetrics has it. The error of bins with few inputs is drawn
    too high, and its interval holds the truth less often than others do: see coverage.py.
    """
    confidence, answer = tally["logits"].double().softmax(1).max(1)
    edges = torch.linspace(0, 1, BINS + 1, dtype=torch.double)
    bins = torch.bucketize(confidence, edges, right=True) - 1
    missed = confidence - (answer == tally["target"]).double()
    return missed[:, None] * one_hot(bins, BINS + 1)


METRICS.add(
    Metric(
        name="brier",
        title="Brier score",
        family="mean",
        sentence="How far the probabilities of all classes are from what is true, squared, on "
        "average: 0 is sure and right, 2 sure and wrong.",
        formula="mean of Σ (p − 1 of the target)², over all classes",
        source="Brier 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; "
        f"interval: {STUDENT}",
        better="lower",
        most=2.0,
        needs=("logits", "target"),
        implementation=Mean(squared_distance),
    )
)
METRICS.add(
    Metric(
        name="ece",
        title="Expected calibration error",
        family="function of means",
        sentence="How far the probability of the answers is from how often they are right, in 15 "
        "ranges of probability; of few inputs it comes out too high.",
        formula="Σ over bins of |Σ (confidence − right)| / inputs",
        source=f"Guo et al. 2017, arXiv 1706.04599; interval: {STUDENT}",
        unit="fraction",
        better="lower",
        most=1.0,
        needs=("logits", "target"),
        implementation=OfMeans(confidence_by_bin, lambda means: means.abs().sum(1)),
    )
)
