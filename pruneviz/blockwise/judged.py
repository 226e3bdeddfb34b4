"""The perplexity before and after, of states that have passed all blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pruneviz.blockwise.opened import Opened
from pruneviz.blockwise.streams import Stream
from pruneviz.metrics import METRICS
from pruneviz.metrics.metric import Tally
from pruneviz.report import Interval

PERPLEXITY = METRICS.get("perplexity")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Both perplexities on the same tokens and their change, each with its 95 % interval.

    `length` is that of the windows: perplexities of other lengths compare with nothing.
    """

    original: float
    original_interval: Interval
    pruned: float
    pruned_interval: Interval
    change: float
    change_interval: Interval
    tokens: int
    windows: int
    length: int


def judged(opened: Opened, original: Stream, pruned: Stream) -> Judged:
    """Return what both networks are judged by; the streams hold states behind the last block."""
    before, after = _tally(opened, original), _tally(opened, pruned)
    change, interval = PERPLEXITY.paired(before, after)
    return Judged(
        original=PERPLEXITY.combine(before),
        original_interval=PERPLEXITY.interval(before),
        pruned=PERPLEXITY.combine(after),
        pruned_interval=PERPLEXITY.interval(after),
        change=change,
        change_interval=interval,
        tokens=int(before["tokens"].sum()),
        windows=len(original),
        length=original.shape[1],
    )


def _tally(opened: Opened, stream: Stream) -> Tally:
    """Return what is counted of each window; one window's logits are held at a time."""
    states, task, skeleton = stream.states(opened.skeleton.count), opened.task, opened.skeleton
    parts = []
    with skeleton.loaded() as whole:
        for at in range(len(stream)):
            here = slice(at, at + 1)
            wanted = opened.judged_y[here]
            logits = skeleton.leave(whole, opened.judged_x[here], states[here].clone())
            parts.append(task.tally(task.answers(logits, wanted), wanted))
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
