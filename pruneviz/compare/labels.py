"""Two models on the same inputs: where they disagree, and how far their answers lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from torch import Tensor
from torch.nn.functional import softmax

from pruneviz.measure.quality import check_pair, predicted
from pruneviz.metrics.statistics import wilson
from pruneviz.report import Interval
from pruneviz.tasks import CLASSIFICATION, Task


@dataclass(frozen=True)
class Divergence:
    """How two models' answers differ on `samples` inputs, without asking which are right.

    `kl_nats` is the mean Kullback-Leibler divergence of the pruned from the original probabilities.
    """

    agreement: float
    agreement_interval: Interval
    kl_nats: float
    samples: int


@dataclass(frozen=True)
class Outcomes:
    """Counts of inputs by which of the two models is right; they add up to all inputs."""

    both: int
    only_original: int
    only_pruned: int
    neither: int


def divergence(logits_a: Tensor, logits_b: Tensor, task: Task = CLASSIFICATION) -> Divergence:
    """Return agreement and mean divergence of original (a) and pruned (b); logits (N, classes)."""
    alike = predicted(logits_a) == predicted(logits_b)
    count, samples = int(alike.sum()), len(alike)
    kl = float(task.distil(logits_b.double(), logits_a.double())) if samples else 0.0
    return Divergence(
        agreement=count / samples if samples else float("nan"),
        agreement_interval=wilson(count, samples),
        kl_nats=max(kl, 0.0) if kl == kl else kl,
        samples=samples,
    )


def outcomes(logits_a: Tensor, logits_b: Tensor, y: Tensor) -> Outcomes:
    """Return how often both, one or neither of the models is right; labels (N,)."""
    check_pair(logits_a, logits_b, y)
    a, b = predicted(logits_a) == y, predicted(logits_b) == y
    return Outcomes(
        both=int((a & b).sum()),
        only_original=int((a & ~b).sum()),
        only_pruned=int((~a & b).sum()),
        neither=int((~a & ~b).sum()),
    )


def disagreements(logits_a: Tensor, logits_b: Tensor, y: Tensor) -> pd.DataFrame:
    """Return one row for each input that the two models answer differently, most surprising first.

    Columns: index (into the inputs), true, original, original_probability, pruned,
    pruned_probability (classes as numbers), right ("original", "pruned" or "neither") and surprise:
    the total variation distance of both models' probabilities, 0 (alike) to 1 (both certain).
    """
    check_pair(logits_a, logits_b, y)
    first, second = predicted(logits_a), predicted(logits_b)
    rows = (first != second).nonzero().flatten()
    probabilities_a, probabilities_b = softmax(logits_a[rows], 1), softmax(logits_b[rows], 1)
    table = pd.DataFrame(
        {
            "index": rows.numpy(),
            "true": y[rows].numpy(),
            "original": first[rows].numpy(),
            "original_probability": probabilities_a.amax(1).numpy(),
            "pruned": second[rows].numpy(),
            "pruned_probability": probabilities_b.amax(1).numpy(),
            "right": [
                _right(int(t), int(a), int(b))
                for t, a, b in zip(y[rows], first[rows], second[rows], strict=True)
            ],
            "surprise": (0.5 * (probabilities_a - probabilities_b).abs().sum(1)).numpy(),
        }
    )
    return table.sort_values("surprise", ascending=False, kind="stable", ignore_index=True)


def _right(true: int, original: int, pruned: int) -> str:
    return {original: "original", pruned: "pruned"}.get(true, "neither")
