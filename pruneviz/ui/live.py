"""The strip's numbers: exact where that is quick, else an estimate from a part of the data."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from pruneviz import run
from pruneviz.evaluate import predict
from pruneviz.measure.quality import accuracy_pair
from pruneviz.report import Accuracy, Report
from pruneviz.run import Baseline, Prepared, Pruned
from pruneviz.subjects import Subject

# A key press must reach the screen within 300 ms; this is what of it may go into measuring.
EVALUATION_SECONDS = 0.15
LATENCY_SECONDS = 0.01
LATENCY_RUNS = 30
FEWEST_INPUTS = 32
# A timing this many times too slow may come from a busy moment.
DOUBTFUL = 10
# While an estimate is on the screen, it is refined this long at a time.
REFINE_SECONDS = 0.5
REFINE_EVERY_SECONDS = 0.8


@dataclass
class Original:
    """The original's numbers, and how long evaluating one input took at best."""

    baseline: Baseline
    seconds_per_input: float

    def affordable(self, subject: Subject) -> int:
        """Return how many held-out inputs can be evaluated in time.

        The first timing is taken while the server warms up. When it says that time is short by
        little, it is taken again, so that a small model is not estimated for ever.
        """
        if subject.data is None:
            return 0
        expected = self.seconds_per_input * len(subject.data.x)
        if EVALUATION_SECONDS < expected < DOUBTFUL * EVALUATION_SECONDS:
            again = _seconds(subject, subject.data.x) / len(subject.data.x)
            self.seconds_per_input = min(self.seconds_per_input, again)
        return int(EVALUATION_SECONDS / max(self.seconds_per_input, 1e-9))


@dataclass(frozen=True)
class Live:
    """A report made quickly; `exact` says whether accuracy comes from all held-out inputs.

    The latency in it comes from a few passes and is always an estimate.
    """

    report: Report
    exact: bool


@dataclass
class Refinement:
    """An estimate on its way to exactness: it evaluates a few more inputs at each `advance`."""

    current: Live
    logits: list[Tensor] = field(default_factory=list)
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, prepared: Prepared, pruned: Pruned) -> None:
        """Evaluate more inputs for REFINE_SECONDS; does nothing while another session is at it."""
        data, original = prepared.subject.data, prepared.baseline.logits
        if data is None or original is None or not self.lock.acquire(blocking=False):
            return
        try:
            end = time.perf_counter() + REFINE_SECONDS
            while self.done < len(data.x) and time.perf_counter() < end:
                batch = data.x[self.done : self.done + FEWEST_INPUTS]
                self.logits.append(predict(pruned.model, batch))
                self.done += len(batch)
            if self.done >= (self.accuracy.samples if self.accuracy else 0):
                known = slice(0, self.done)
                accuracy = accuracy_pair(original[known], torch.cat(self.logits), data.y[known])
                report = self.current.report.model_copy(update={"accuracy": accuracy})
                self.current = Live(report, exact=self.done == len(data.x))
        finally:
            self.lock.release()

    @property
    def accuracy(self) -> Accuracy | None:
        """Return the accuracies as far as they are known."""
        return self.current.report.accuracy


def measure_original(subject: Subject) -> Original:
    """Evaluate and count the original once, then time a few inputs, the fastest of five."""
    baseline = run.measure_baseline(subject)
    if subject.data is None:
        return Original(baseline, 0.0)
    inputs = subject.data.x[:FEWEST_INPUTS]
    return Original(baseline, min(_seconds(subject, inputs) for _ in range(5)) / len(inputs))


def _seconds(subject: Subject, inputs: Tensor) -> float:
    start = time.perf_counter()
    predict(subject.model, inputs)
    return time.perf_counter() - start


def measure_live(prepared: Prepared, pruned: Pruned, original: Original) -> Live:
    """Return the numbers of a plan within a fraction of a second, whatever the model's size."""
    part = _part(prepared, original)
    timings = run.time_models(prepared, pruned, LATENCY_RUNS, LATENCY_SECONDS)
    return Live(run.report(part, pruned, timings.summary()), exact=part is prepared)


def _part(prepared: Prepared, original: Original) -> Prepared:
    """Return the same preparation with as many held-out inputs as can be evaluated in time."""
    data, logits = prepared.subject.data, prepared.baseline.logits
    if data is None or logits is None:
        return prepared
    inputs = max(FEWEST_INPUTS, original.affordable(prepared.subject))
    if inputs >= len(data.x):
        return prepared
    fewer = replace(data, x=data.x[:inputs], y=data.y[:inputs])
    return replace(
        prepared,
        subject=replace(prepared.subject, data=fewer),
        baseline=replace(prepared.baseline, logits=logits[:inputs]),
    )
