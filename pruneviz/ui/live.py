"""The strip's numbers at any time: from a part of the data at once, then sharper until exact."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from pruneviz import run
from pruneviz.evaluate import predict
from pruneviz.replay import Tally, accuracy
from pruneviz.report import Accuracy, Latency, LatencyPair, Report
from pruneviz.run import Baseline, Prepared, Pruned
from pruneviz.subjects import Subject
from pruneviz.ui.background import Stop
from pruneviz.ui.shared import SMALL_MACS, TURNS, Shared

# A key press must reach the screen within 300 ms; this is what of it may go into measuring.
EVALUATION_SECONDS = 0.1
LATENCY_SECONDS = 0.01
LATENCY_RUNS = 30
TIMED_INPUTS = 32
# A timing this many times too slow may come from a busy moment.
DOUBTFUL = 10
REFRESH_SECONDS = 0.4  # between two looks at an estimate that gets better meanwhile
_NEVER = Latency(
    median=float("nan"),
    p95=float("nan"),
    p99=float("nan"),
    median_interval=(float("nan"), float("nan")),
    runs=0,
)
UNTIMED = LatencyPair(
    original=_NEVER,
    pruned=_NEVER,
    speedup=float("nan"),
    speedup_interval=(float("nan"), float("nan")),
    batch_size=1,
    threads=1,
    engine="not timed yet",
)


@dataclass
class Original:
    """The original's numbers, and how long evaluating one input took at best."""

    baseline: Baseline
    seconds_per_input: float

    def affordable(self, subject: Subject) -> int:
        """Return how many held-out inputs can be evaluated while somebody waits.

        The first timing is taken while the server warms up. When it says that time is short by
        little, it is taken again, so that a small model is not taken for a slow one for ever.
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
    """A report as far as it is known; `exact` says whether accuracy comes from all inputs.

    Accuracy is of `report.accuracy.samples` of `total` held-out inputs. The latency comes from a
    few passes and is always an estimate; until it is `timed` there is none in the report.
    """

    report: Report
    exact: bool
    total: int = 0

    @property
    def timed(self) -> bool:
        """Return whether both networks were timed."""
        return self.report.latency_ms.pruned.runs > 0

    @property
    def done(self) -> bool:
        """Return whether no number is to come or to get better."""
        return self.exact and self.timed


class Course:
    """The numbers of one plan on their way to exactness: each `advance` evaluates one batch more.

    Several threads may push it on at the same time; each batch is evaluated once.
    """

    def __init__(self, report: Report, shared: Shared | None, *, reuse: bool = True) -> None:
        """Begin with a report without accuracy; `shared` is None without data."""
        self._report, self._shared, self._reuse = report, shared, reuse
        self._tally, self._part, self._problem = Tally(), 0, ""
        self._answers: Iterator[Tensor] | None = None
        self._lock = threading.Lock()
        self._shown: tuple[Tally, Report, Live] | None = None

    @property
    def current(self) -> Live:
        """Return the numbers as far as they are known; ValueError where the network failed."""
        if self._problem:
            raise ValueError(self._problem)
        tally, report = self._tally, self._report
        if self._shown is None or self._shown[0] is not tally or self._shown[1] is not report:
            total = self._shared.total if self._shared else 0
            found = report.model_copy(update={"accuracy": _accuracy(tally)})
            self._shown = tally, report, Live(found, tally.samples == total, total)
        return self._shown[2]

    @property
    def ended(self) -> bool:
        """Return whether every input was seen, or the network failed."""
        return bool(self._problem) or self._shared is None or self._part == len(self._shared.parts)

    @property
    def timed(self) -> bool:
        """Return whether both networks were timed."""
        return self._report.latency_ms is not UNTIMED

    def advance(self, pruned: Pruned, *, urgent: bool = False) -> None:
        """Evaluate one batch more; `urgent` where somebody waits for it."""
        with self._lock:
            if self.ended or self._shared is None:
                return
            if self._answers is None:
                self._answers = self._shared.answers(pruned.model, self._part, reuse=self._reuse)
            try:
                with TURNS.taken(urgent=urgent):
                    logits = next(self._answers)
                self._tally += self._shared.count(self._part, logits)
                self._part += 1
            # A network is any code of any user, and may fail in any way on inputs it never saw.
            except Exception as error:
                self._answers, self._problem = None, _failure(error)

    def time(self, prepared: Prepared, pruned: Pruned) -> None:
        """Time both networks, once."""
        with TURNS.taken(urgent=False):
            if self.timed:
                return
            try:
                pair = _timed(prepared, pruned)
            # Any code of any user, once more.
            except Exception as error:
                self._problem = _failure(error)
            else:
                self._report = self._report.model_copy(update={"latency_ms": pair})

    def finish(self, prepared: Prepared, pruned: Pruned, stop: Stop) -> None:
        """Go on to the exact numbers, and then make the next ones quicker, until `stop` says so."""
        while not self.ended and not stop():
            self.advance(pruned)
        with self._lock:
            self._answers = None  # or the network would be kept
        if not self._problem and not self.timed and not stop():
            self.time(prepared, pruned)
        if self._shared is not None and not self._problem:
            self._shared.warm(stop)


def begin(prepared: Prepared, pruned: Pruned, shared: Shared | None) -> Course:
    """Return the numbers of a plan within a fraction of a second, whatever the model's size.

    Accuracy is of as many inputs as can be evaluated in time, one batch at least.
    """
    # Larger networks are timed last, when nobody waits for it.
    small = sum(prepared.baseline.macs.values()) <= SMALL_MACS
    pair = _timed(prepared, pruned) if small else UNTIMED
    data = prepared.subject.data
    without = replace(prepared, subject=replace(prepared.subject, data=None))
    report = run.report(without, pruned, pair)
    report = report.model_copy(update={"data": data.note if data else None})
    course = Course(report, shared, reuse=not run.asks_for_rounds(pruned.plan))
    end = time.perf_counter() + EVALUATION_SECONDS
    course.advance(pruned, urgent=True)
    while not course.ended and time.perf_counter() < end:
        course.advance(pruned, urgent=True)
    return course


def measure_original(subject: Subject) -> Original:
    """Evaluate and count the original once, then time a few inputs, the fastest of five."""
    baseline = run.measure_baseline(subject)
    if subject.data is None:
        return Original(baseline, 0.0)
    inputs = subject.data.x[:TIMED_INPUTS]
    return Original(baseline, min(_seconds(subject, inputs) for _ in range(5)) / len(inputs))


def _timed(prepared: Prepared, pruned: Pruned) -> LatencyPair:
    return run.time_models(prepared, pruned, LATENCY_RUNS, LATENCY_SECONDS).summary()


def _seconds(subject: Subject, inputs: Tensor) -> float:
    start = time.perf_counter()
    predict(subject.model, inputs)
    return time.perf_counter() - start


def _accuracy(tally: Tally) -> Accuracy | None:
    return accuracy(tally) if tally.samples else None


def _failure(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0]
    return (
        f"the pruned network fails on the held-out inputs ({type(error).__name__}: {first}); "
        "undo the last change, or choose data that fits the network"
    )
