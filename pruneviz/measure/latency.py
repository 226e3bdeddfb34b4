"""How long one forward pass takes: two models timed in turns, so that both see the same machine."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from pruneviz.measure.speed import speed_up
from pruneviz.measure.threads import computing_threads
from pruneviz.network.inputs import Given, Inputs, call
from pruneviz.report import Interval, Latency, LatencyPair

WARM_UP_RUNS = 3
RESAMPLES = 500


@dataclass(frozen=True)
class Timings:
    """Milliseconds of each pass, in the order they were taken: one of each model in turn."""

    original_ms: np.ndarray
    pruned_ms: np.ndarray
    batch_size: int
    threads: int

    def __add__(self, more: Timings) -> Timings:
        """Return the passes of both measurements of the same two networks."""
        return replace(
            self,
            original_ms=np.r_[self.original_ms, more.original_ms],
            pruned_ms=np.r_[self.pruned_ms, more.pruned_ms],
        )

    def summary(self, seed: int = 0) -> LatencyPair:
        """Return medians, tails and the speed-up (median of the turns'), with 95 % intervals."""
        rng = np.random.default_rng(seed)
        draws = rng.integers(0, len(self.original_ms), (RESAMPLES, len(self.original_ms)))
        original = np.median(self.original_ms[draws], axis=1)
        pruned = np.median(self.pruned_ms[draws], axis=1)
        speedup, interval = speed_up(self.original_ms, self.pruned_ms)
        return LatencyPair(
            original=_latency(self.original_ms, original),
            pruned=_latency(self.pruned_ms, pruned),
            speedup=speedup,
            speedup_interval=interval,
            batch_size=self.batch_size,
            threads=self.threads,
            engine="PyTorch, eager, CPU",
        )


def time_pair(
    original: nn.Module,
    pruned: nn.Module,
    example: Given,
    runs: int = 100,
    limit_s: float | None = None,
    threads: int = 1,
) -> Timings:
    """Time `runs` passes of each model in turns on `example` (B, …); fewer after `limit_s` s.

    At least three passes of each are timed, after one to three that are not; who goes first
    changes from turn to turn. With one thread the numbers stay comparable on a busy machine:
    several threads wait for one another, and a wait can cost more than the pass itself.
    """
    batch_size, taken = len(Inputs.of(example)), list[tuple[float, float]]()
    begun = time.perf_counter()
    end = begun + (float("inf") if limit_s is None else limit_s)
    with torch.inference_mode(), computing_threads(threads):
        for warm_up in range(WARM_UP_RUNS):
            if warm_up and time.perf_counter() > begun + (limit_s or float("inf")) / 4:
                break  # a network this slow is warm after one pass
            call(original, example)
            call(pruned, example)
        while len(taken) < runs and (len(taken) < 3 or time.perf_counter() < end):
            taken.append(_turn(original, pruned, example, swapped=len(taken) % 2 == 1))
    both = np.asarray(taken).T
    return Timings(both[0], both[1], batch_size, threads)


def _turn(
    original: nn.Module, pruned: nn.Module, example: Given, *, swapped: bool
) -> tuple[float, float]:
    if swapped:
        after, before = _milliseconds(pruned, example), _milliseconds(original, example)
        return before, after
    return _milliseconds(original, example), _milliseconds(pruned, example)


def _milliseconds(model: nn.Module, example: Given) -> float:
    start = time.perf_counter_ns()
    call(model, example)
    return (time.perf_counter_ns() - start) / 1e6


def _interval(milliseconds: np.ndarray, medians: np.ndarray) -> Interval:
    """Return where the median may lie: where resampling puts it, and where parts of the time do.

    Resampling takes passes to be independent. A machine that is busy for a while slows many in a
    row, which shows in the medians of its quarters.
    """
    low, high = np.quantile(medians, [0.025, 0.975])
    quarters = np.array_split(milliseconds, min(4, len(milliseconds)))
    parts = [float(np.median(part)) for part in quarters]
    return min(float(low), *parts), max(float(high), *parts)


def _latency(milliseconds: np.ndarray, medians: np.ndarray) -> Latency:
    median, p95, p99 = np.quantile(milliseconds, [0.5, 0.95, 0.99])
    return Latency(
        median=float(median),
        p95=float(p95),
        p99=float(p99),
        median_interval=_interval(milliseconds, medians),
        runs=len(milliseconds),
    )
