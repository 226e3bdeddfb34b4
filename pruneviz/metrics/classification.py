"""Metrics of answers that are one class: how many are right, how improbable the right one is."""

from __future__ import annotations

from math import nan

import torch
from torch import Tensor

from pruneviz.metrics.metric import METRICS, Metric, Tally
from pruneviz.metrics.rules import ByClass, Corpus, Mean, Proportion
from pruneviz.metrics.statistics import wilson
from pruneviz.report import Interval

WILSON = "Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953"
STUDENT = (
    "bootstrap of Student's t over the inputs (DiCiccio and Efron 1996, "
    "https://doi.org/10.1214/ss/1032280214)"
)


def answered_worst(right: Tensor, target: Tensor) -> tuple[int, int, int] | None:
    """Return the class answered worst, its right answers and its inputs; None without inputs.

    `right` is (N,) bool, `target` (N,). Of several the first.
    """
    samples = torch.bincount(target)
    correct = torch.bincount(target[right], minlength=len(samples))
    each = enumerate(zip(correct.tolist(), samples.tolist(), strict=True))
    seen = [(k / n, index, k, n) for index, (k, n) in each if n]
    return min(seen)[1:] if seen else None


def _worst_share(tally: Tally) -> float:
    found = answered_worst(tally["right"], tally["target"])
    return found[1] / found[2] if found else nan


def _worst_ends(tally: Tally) -> Interval:
    found = answered_worst(tally["right"], tally["target"])
    return wilson(*found[1:]) if found else (nan, nan)


def _worst_drawn(tally: Tally, weights: Tensor) -> Tensor:
    """Return the share of right answers of the class that is worst in each resample, (R,)."""
    target, right = tally["target"], tally["right"]
    shape = int(target.max()) + 1, weights.shape[1]
    samples = weights.new_zeros(shape).index_add_(0, target, weights)
    correct = weights.new_zeros(shape).index_add_(0, target[right], weights[right])
    shares = correct.double() / samples
    return shares.where(samples > 0, 1.0).amin(0)


METRICS.add(
    Metric(
        name="accuracy",
        title="Accuracy",
        family="proportion",
        sentence="The share of the inputs that are answered right.",
        formula="right answers / inputs",
        source=f"interval: {WILSON}",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("right",),
        implementation=Proportion(lambda tally: tally["right"]),
    )
)
METRICS.add(
    Metric(
        name="balanced_accuracy",
        title="Balanced accuracy",
        family="mean of proportions",
        sentence="The share of right answers in each class, averaged over the classes: a rare "
        "class counts as much as a common one.",
        formula="mean over classes of right answers / inputs",
        source="Brodersen et al. 2010, https://doi.org/10.1109/ICPR.2010.764; interval: Yan and Su "
        "2010, Statistics in Biopharmaceutical Research 2",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("right", "target"),
        implementation=ByClass(),
    )
)
METRICS.add(
    Metric(
        name="worst_class",
        title="Accuracy of the worst class",
        family="corpus",
        sentence="The share of right answers in the class that fares worst; the interval is "
        "that class's own, and the worst of many classes looks worse than it is.",
        formula="min over classes of right answers / inputs",
        source="Sagawa et al. 2020, arXiv 1911.08731; interval: Wilson 1927",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("right", "target"),
        implementation=Corpus(_worst_share, _worst_ends, _worst_drawn),
    )
)
METRICS.add(
    Metric(
        name="loss",
        title="Cross-entropy",
        family="mean",
        sentence="How improbable the network holds the right answers, on average; it moves "
        "before the first answer turns wrong.",
        formula="mean of −log p(target)",
        source=f"Good 1952; interval: {STUDENT}",
        unit="nats",
        better="lower",
        needs=("nll",),
        implementation=Mean(lambda tally: tally["nll"]),
    )
)
METRICS.add(
    Metric(
        name="kl",
        title="KL divergence from the original",
        family="mean",
        sentence="How far the answers are from the original's, right or wrong, on average; "
        "no label is used.",
        formula="mean of Σ p log(p / q), p the original's probabilities",
        source=f"Kullback and Leibler 1951, https://doi.org/10.1214/aoms/1177729694; "
        f"interval: {STUDENT}",
        unit="nats",
        better="lower",
        needs=("kl",),
        implementation=Mean(lambda tally: tally["kl"]),
    )
)
