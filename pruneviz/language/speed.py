"""How fast two language models write: until the first token, and for each one after it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pruneviz.language.generate import (
    Way,
    Writer,
    kept_of,
    last_logits,
    places_of,
    remembered,
    remembers,
)
from pruneviz.language.memory import peak_tensor_bytes
from pruneviz.measure.latency import Timings
from pruneviz.measure.threads import computing_threads
from pruneviz.network.inputs import call
from pruneviz.report import Interval
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.language import writing

TOKENS = 16  # that each network writes in a turn
TRIED = 3  # tokens in which a cache shows whether it answers as a whole pass


@dataclass(frozen=True)
class WritingTimes:
    """Milliseconds of each turn: until the first token is there, and for each token after it.

    `cached` says of the original and the pruned network whether keys and values of earlier tokens
    were kept; where they were not, each token takes a whole pass. Of a prompt of `prompt` tokens
    `tokens` were written in a turn. `peaks` are the most bytes that weights and all other tensors
    of each took in a turn.
    """

    first: Timings
    each: Timings
    cached: tuple[bool, bool]
    peaks: tuple[int, int]
    prompt: int
    tokens: int


@dataclass(frozen=True)
class Rate:
    """Tokens a second, the median turn's, with its 95 % interval."""

    value: float
    interval: Interval


def rates(times: WritingTimes) -> tuple[Rate, Rate]:
    """Return how many tokens a second the original and the pruned network write after the first."""
    pair = times.each.summary()
    first, second = (
        Rate(1e3 / each.median, (1e3 / each.median_interval[1], 1e3 / each.median_interval[0]))
        for each in (pair.original, pair.pruned)
    )
    return first, second


class WritingTimer:
    """Times two networks in turns, so that both see the same machine; who begins changes.

    Both go on with one prompt by the likeliest tokens, whether their texts would end or not, with
    the cache where it answers as a whole pass does. RefusedError as of a `Writer`, and where the
    network has too few places.
    """

    def __init__(
        self,
        original: nn.Module,
        pruned: nn.Module,
        prompt: Sequence[int],
        tokens: int = TOKENS,
        threads: int = 1,
    ) -> None:
        """Try both caches and look at the memory of a turn, which warms both networks up too."""
        if tokens < 2:
            raise RefusedError(writing.too_few_to_time(tokens))
        if not prompt:
            raise RefusedError(writing.nothing_to_go_on())
        self._networks = (original, pruned)
        self._prompt, self._tokens, self._threads = list(prompt), tokens, threads
        for network in self._networks:
            places = places_of(network)
            if places is not None and len(prompt) + tokens > places:
                raise RefusedError(writing.prompt_too_long(len(prompt), places, tokens))
        with computing_threads(threads):
            first, second = (answers_as_whole(each, self._prompt) for each in self._networks)
        self._cached = (first, second)
        before, after = (self._peak(which) for which in (0, 1))
        self._peaks = (before, after)
        self._taken: list[tuple[tuple[float, float], tuple[float, float]]] = []

    @property
    def turns(self) -> int:
        """Return how many turns there were."""
        return len(self._taken)

    def turn(self) -> None:
        """Let both write once."""
        order = (0, 1) if self.turns % 2 == 0 else (1, 0)
        found = {}
        with torch.inference_mode(), computing_threads(self._threads):
            for which in order:
                found[which] = self._milliseconds(self._networks[which], self._cached[which])
        self._taken.append((found[0], found[1]))

    def times(self) -> WritingTimes:
        """Return the times of all turns so far, one at least."""
        taken = np.asarray(self._taken)  # (turns, networks, 2)
        first, each = (
            Timings(taken[:, 0, part], taken[:, 1, part], 1, self._threads) for part in (0, 1)
        )
        return WritingTimes(first, each, self._cached, self._peaks, len(self._prompt), self._tokens)

    def _peak(self, which: int) -> int:
        """Return the most bytes that a network's tensors take in a turn; in a turn of its own."""
        network, cached = self._networks[which], self._cached[which]
        with torch.inference_mode(), computing_threads(self._threads):
            return peak_tensor_bytes(network, lambda: self._milliseconds(network, cached))

    def _milliseconds(self, network: nn.Module, cached: bool) -> tuple[float, float]:
        """Return the time to the first token, and the mean of each one after it."""
        every = torch.tensor([self._prompt])
        begun = time.perf_counter_ns()
        output = call(network, every, beside={"use_cache": True} if cached else None)
        every = _with_next(every, output)
        there = time.perf_counter_ns()
        for _ in range(self._tokens - 1):
            if cached:
                beside = remembered(network, kept_of(output), every)
                output = call(network, every[:, -1:], beside=beside)
            else:
                output = call(network, every)
            every = _with_next(every, output)
        rest = (time.perf_counter_ns() - there) / (self._tokens - 1)
        return (there - begun) / 1e6, rest / 1e6


def _with_next(every: torch.Tensor, output: object) -> torch.Tensor:
    return torch.cat([every, last_logits(output).argmax().view(1, 1)], 1)


def answers_as_whole(network: nn.Module, prompt: Sequence[int]) -> bool:
    """Return whether a network has a cache that answers as a whole pass does."""
    if not remembers(network):
        return False
    writer = Writer(network, prompt, Way(most=TRIED), ends=frozenset())
    while writer.step() is not None:
        pass
    return writer.cached
