"""How far two language models lie apart at each place of texts, whichever token comes next."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from pruneviz.metrics import METRICS, Metric, Tally
from pruneviz.network.answers import logits_of
from pruneviz.network.inputs import Batch, count, some
from pruneviz.tasks.language_modelling import logits_of_tokens
from pruneviz.tasks.task import IGNORED

MOST_LOGITS = 2**24  # of one network at a time: 64 MiB in single precision
PLACES = 128  # whose logits are looked at in double precision at once
APART = ("token_kl", "token_agreement")


def apart_metrics() -> tuple[Metric, ...]:
    """Return the metrics of how far a language model is from its original."""
    return tuple(METRICS.get(name) for name in APART)


def apart_by_token(original: nn.Module, pruned: nn.Module, x: Batch, target: Tensor) -> Tally:
    """Return `kl`, KL(original ‖ pruned) summed over an input's tokens, float64, (N,).

    And `agreed`, at how many places both hold the same token most likely, and `tokens`, how many
    places are judged, (N,) each. Both networks read the same few inputs (N, …) in turn, and of
    their logits no more is kept; targets are (N, places), `IGNORED` where none is judged.
    """
    found, begin, size, total = [], 0, 1, count(x)
    with torch.inference_mode():
        while begin < total:
            which = slice(begin, begin + size)
            given, judged = some(x, which), target[which] != IGNORED
            first, second = (
                logits_of_tokens(logits_of(each, given)) for each in (original, pruned)
            )
            found.append(_counted(first, second, judged))
            begin += size
            size = max(1, MOST_LOGITS // first[0].numel())
    columns = ("kl", "agreed", "tokens")
    return dict(zip(columns, map(torch.cat, zip(*found, strict=True)), strict=True))


def _counted(first: Tensor, second: Tensor, judged: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what is counted of two networks' logits (B, places, tokens), (B,) each."""
    kl = torch.zeros(len(first), dtype=torch.double)
    agreed = torch.zeros(len(first), dtype=torch.int64)
    parts = zip(*(each.split(PLACES, 1) for each in (first, second, judged)), strict=True)
    for one, other, here in parts:
        kl += divergences(one, other).where(here, 0.0).sum(1)
        agreed += ((one.argmax(2) == other.argmax(2)) & here).sum(1)
    return kl, agreed, judged.sum(1)


def divergences(original: Tensor, pruned: Tensor) -> Tensor:
    """Return Σ p log(p / q) of logits (…, tokens) in nats, float64, (…); p is the original's."""
    p, q = (log_softmax(each.double(), -1) for each in (original, pruned))
    terms = torch.where(p.isneginf(), 0.0, p.exp() * (p - q))
    found: Tensor = terms.sum(-1).clamp_min(0.0)
    return found
