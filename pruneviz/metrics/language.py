"""Metrics of how improbable text is held; they compare at one length and stride alone."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from pruneviz.metrics.classification import STUDENT
from pruneviz.metrics.metric import METRICS, Metric, Tally
from pruneviz.metrics.rules import OfMeans


def per_token(means: Tensor) -> Tensor:
    """Return how many tokens are as good as one that is drawn evenly, of nats and tokens."""
    return (means[:, 0] / means[:, 1]).exp()


def bits(means: Tensor) -> Tensor:
    """Return how many bits are needed a byte, of nats and bytes."""
    return means[:, 0] / means[:, 1] / log(2)


def _nats_and(size: str, tally: Tally) -> Tensor:
    return torch.stack([tally["nll"].double(), tally[size].double()], 1)


METRICS.add(
    Metric(
        name="perplexity",
        title="Perplexity",
        family="function of means",
        sentence="Among how many tokens, all as probable, the network is as unsure as it is of the "
        "next one; it compares with others of the same tokens, length and stride alone.",
        formula="exp(Σ −log p / tokens)",
        source="Jelinek et al. 1977, https://doi.org/10.1121/1.2016299; interval of its logarithm: "
        f"{STUDENT}",
        better="lower",
        least=1.0,
        needs=("nll", "tokens"),
        implementation=OfMeans(
            lambda tally: _nats_and("tokens", tally), per_token, torch.log, torch.exp
        ),
    )
)
METRICS.add(
    Metric(
        name="bits_per_byte",
        title="Bits per byte",
        family="function of means",
        sentence="How many bits the network needs for a byte of text, whatever its tokens are; it "
        "compares with others of the same text, length and stride alone.",
        formula="Σ −log₂ p / bytes",
        source=f"Gao et al. 2020, arXiv 2101.00027; interval: {STUDENT}",
        unit="bits",
        better="lower",
        needs=("nll", "bytes"),
        implementation=OfMeans(lambda tally: _nats_and("bytes", tally), bits),
    )
)
