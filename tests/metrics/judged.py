"""Tallies of made-up answers, with every column that a metric may ask for."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, kl_div, one_hot

from pruneviz.metrics.metric import Tally

CLASSES = 4


def tally(seed: int = 0, samples: int = 83, classes: int = CLASSES, better: float = 1.5) -> Tally:
    """Return the answers of one of many networks to the same inputs; `better` is how good it is."""
    shared = torch.Generator().manual_seed(99)
    own = torch.Generator().manual_seed(seed)
    target = torch.randint(classes, (samples,), generator=shared)
    original = torch.randn(samples, classes, generator=shared)
    size = torch.randint(20, 90, (samples,), generator=shared)
    noise = torch.randn(samples, classes, generator=own)
    logits = noise + better * one_hot(target, classes)
    overlap = torch.randint(1, 40, (samples, classes), generator=own)
    beside = torch.randint(1, 30, (samples, classes), generator=own)
    before = original.log_softmax(1)
    return {
        "target": target,
        "logits": logits,
        "right": logits.argmax(1) == target,
        "nll": cross_entropy(logits.double(), target, reduction="none"),
        "kl": kl_div(logits.log_softmax(1), before, reduction="none", log_target=True).sum(1),
        "error": torch.randn(samples, generator=own) / (better + 2),
        "intersections": (overlap * (better + 2)).round(),
        "unions": (overlap * (better + 2)).round() + beside,
        "tokens": size,
        "bytes": size * 4,
    }
