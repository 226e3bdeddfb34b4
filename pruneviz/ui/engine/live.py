"""The strip's numbers at any time: from a part of the data at once, then sharper until exact."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from pruneviz import run
from pruneviz.evaluate import of_batches
from pruneviz.measure.latency import Timings
from pruneviz.measure.speed import FEWEST_PASSES
from pruneviz.network.inputs import Batch, some
from pruneviz.report import Latency, LatencyPair, Report
from pruneviz.reuse import Seen
from pruneviz.run import Baseline, Prepared, Pruned
from pruneviz.subjects import Subject
from pruneviz.tasks import Answers
from pruneviz.ui.engine.background import Stop
from pruneviz.ui.engine.shared import SMALL_MACS, TURNS, Shared
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import browsing

# A key press must reach the screen within 300 ms; this is what of it may go into measuring.
EVALUATION_SECONDS = 0.05
LATENCY_SECONDS = 0.02
LATENCY_RUNS = 30
# Where that gives too few passes to say anything; and on Compare, where somebody can wait.
MORE_RUNS, AT_LENGTH = 50, 100
LENGTH_SECONDS, MOST_SECONDS = 2.0, 10.0  # for all passes, and for the fewest that say anything
CHUNK_SECONDS = 0.05  # what an urgent answer waits for a timing at most
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
            again = _seconds(subject, subject.data.x, subject.data.y) / len(subject.data.x)
            self.seconds_per_input = min(self.seconds_per_input, again)
        return int(EVALUATION_SECONDS / max(self.seconds_per_input, 1e-9))


@dataclass(frozen=True)
class Live:
    """A report as far as it is known; `exact` says whether its quality comes from all inputs.

    Quality is of `samples` of `total` held-out inputs. The latency comes from a
    few passes and is always an estimate; until it is `timed` there is none in the report.
    `settled` says that no more passes are on their way.
    """

    report: Report
    exact: bool
    total: int = 0
    settled: bool = True

    @property
    def timed(self) -> bool:
        """Return whether both networks were timed."""
        return self.report.latency_ms.pruned.runs > 0

    @property
    def done(self) -> bool:
        """Return whether no number is to come or to get better."""
        return self.exact and self.settled


class LiveEstimate:
    """The numbers of one plan on their way to exactness: each `advance` evaluates one batch more.

    Several threads may push it on at the same time; each batch is evaluated once.
    """

    def __init__(
        self,
        report: Report,
        shared: Shared | None,
        *,
        reuse: bool = True,
    ) -> None:
        """Begin with a report without accuracy and latency; `shared` is None without data."""
        self._report, self._shared, self._reuse = report, shared, reuse
        self._timings: Timings | None = None
        self._long, self.at_length = False, False
        self._seen: Seen | None = None
        self._part = 0
        self._problem: Fact | None = None
        self._answers: Iterator[Answers] | None = None
        self._lock = threading.Lock()
        self._shown: tuple[Seen | None, Report, Live] | None = None

    @property
    def current(self) -> Live:
        """Return the numbers as far as they are known; ValueError where the network failed."""
        if self._problem:
            raise RefusedError(self._problem)
        seen, report = self._seen, self._report
        if self._shown is None or self._shown[0] is not seen or self._shown[1] is not report:
            total = self._shared.total if self._shared else 0
            quality, samples = (seen.quality(), seen.samples) if seen else ((), 0)
            found = report.model_copy(update={"quality": quality})
            self._shown = seen, report, Live(found, samples == total, total, self.timed)
        return self._shown[2]

    @property
    def ended(self) -> bool:
        """Return whether every input was seen, or the network failed."""
        return self.failed or self._shared is None or self._part == len(self._shared.parts)

    @property
    def failed(self) -> bool:
        """Return whether the network failed on its inputs."""
        return self._problem is not None

    @property
    def timings(self) -> Timings | None:
        """Return the passes that the latency is of; None before there are any."""
        return self._timings

    @property
    def timed(self) -> bool:
        """Return whether both networks were timed as often as it takes, or as long as may be."""
        latency = self._report.latency_ms
        return self._long or latency.pruned.runs >= FEWEST_PASSES

    def advance(self, pruned: Pruned, *, urgent: bool = False) -> None:
        """Evaluate one batch more; `urgent` where somebody waits for it."""
        with self._lock:
            if self.ended or self._shared is None:
                return
            if self._answers is None:
                self._answers = self._shared.answers(pruned.model, self._part, reuse=self._reuse)
            try:
                with TURNS.taken(urgent=urgent):
                    answers = next(self._answers)
                found = self._shared.count(self._part, answers)
                self._seen = found if self._seen is None else self._seen + found
                self._part += 1
            # A network is any code of any user, and may fail in any way on inputs it never saw.
            except Exception as error:
                self._answers, self._problem = None, _failure(error)

    def time_at_once(self, prepared: Prepared, pruned: Pruned) -> None:
        """Time both networks shortly where they are small.

        Larger ones are timed last, when nobody waits for it.
        """
        if sum(prepared.baseline.macs.values()) > SMALL_MACS:
            return
        try:
            self._keep(run.time_models(prepared, pruned, LATENCY_RUNS, LATENCY_SECONDS))
        # Any code of any user may fail on a single input.
        except Exception as error:
            self._problem = _failure(error)

    def _keep(self, found: Timings) -> None:
        self._timings = found
        self._report = self._report.model_copy(update={"latency_ms": found.summary()})

    def time(
        self,
        prepared: Prepared,
        pruned: Pruned,
        passes: int,
        *,
        stop: Stop = lambda: False,
        progress: Callable[[float], None] = lambda part: None,
    ) -> None:
        """Time so many turns of both networks, for as long as one can wait, and keep them alone.

        They take the place of those before: a busy moment is measured anew. Others compute in
        between; `stop` ends it without a result, `progress` is given the part that is done.
        """
        found: Timings | None = None
        begun = time.perf_counter()
        while not stop():
            done, spent = len(found.original_ms) if found else 0, time.perf_counter() - begun
            limit = LENGTH_SECONDS if done >= FEWEST_PASSES else MOST_SECONDS
            if done >= passes or (done and spent >= limit):
                break
            progress(done / passes)
            try:
                with TURNS.taken(urgent=False):
                    chunk = run.time_models(prepared, pruned, passes - done, CHUNK_SECONDS)
            # Any code of any user, once more.
            except Exception as error:
                self._problem = _failure(error)
                return
            found = chunk if found is None else found + chunk
        else:
            return
        if found is not None:
            self._long = True
            self.at_length |= passes >= AT_LENGTH
            self._keep(found)

    def rest(self) -> None:
        """Let the network go that answered, or it would be kept."""
        with self._lock:
            self._answers = None

    def finish(self, prepared: Prepared, pruned: Pruned, stop: Stop) -> None:
        """Go on to the exact numbers until `stop` says so."""
        while not self.ended and not stop():
            self.advance(pruned)
        self.rest()
        if not self.failed and not self.timed:
            self.time(prepared, pruned, MORE_RUNS, stop=stop)


def begin(prepared: Prepared, pruned: Pruned, shared: Shared | None) -> LiveEstimate:
    """Return the numbers of a plan within a fraction of a second, whatever the model's size.

    Accuracy is of as many inputs as can be evaluated in time, one batch at least. A small network
    is timed too, before any number is drawn: a browser that draws takes the processor.
    """
    data = prepared.subject.data
    without = replace(prepared, subject=replace(prepared.subject, data=None))
    report = run.report(without, pruned, UNTIMED)
    report = report.model_copy(update={"data": data.note if data else None})
    course = LiveEstimate(report, shared, reuse=not run.asks_for_rounds(pruned.plan))
    course.time_at_once(prepared, pruned)
    end = time.perf_counter() + EVALUATION_SECONDS
    course.advance(pruned, urgent=True)
    while not course.ended and time.perf_counter() < end:
        course.advance(pruned, urgent=True)
    course.rest()
    return course


def measure_original(subject: Subject) -> Original:
    """Evaluate and count the original once, then time a few inputs, the fastest of five."""
    baseline = run.measure_baseline(subject)
    if subject.data is None:
        return Original(baseline, 0.0)
    inputs, y = some(subject.data.x, slice(TIMED_INPUTS)), subject.data.y[:TIMED_INPUTS]
    return Original(baseline, min(_seconds(subject, inputs, y) for _ in range(5)) / len(y))


def _seconds(subject: Subject, inputs: Batch, y: Tensor) -> float:
    start = time.perf_counter()
    of_batches(subject.model, inputs, y, subject.task, lambda scores, _: scores)
    return time.perf_counter() - start


def _failure(error: Exception) -> Fact:
    first = (str(error).splitlines() or [""])[0]
    return browsing.network_fails(type(error).__name__, first)
