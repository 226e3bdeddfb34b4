"""Numbers at any time: estimates that get exact, and newer plans that cancel older ones."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz import run
from pruneviz.evaluate import predict
from pruneviz.measure.latency import Timings
from pruneviz.measure.quality import accuracy_pair
from pruneviz.measure.speed import FEWEST_PASSES
from pruneviz.plan import Plan
from pruneviz.run import Prepared, Pruned
from pruneviz.subjects import load_subject
from pruneviz.ui.engine import live, shared
from pruneviz.ui.engine.background import Background, Turns
from pruneviz.ui.engine.live import LiveEstimate, begin
from pruneviz.ui.engine.shared import Shared, batch_size

PLAN = Plan(model="sample:tumour-mlp", sparsity=0.6)
SIZE = 32  # of a batch: of 190 inputs the last batch has 30
SECONDS = 60.0  # until a wait gives up; nothing is decided by it


def never() -> bool:
    return False


@pytest.fixture(autouse=True)
def _one_batch_first(monkeypatch):
    monkeypatch.setattr(live, "EVALUATION_SECONDS", 0.0)
    monkeypatch.setattr(shared, "batch_size", lambda x, macs: SIZE)


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    subject = load_subject(PLAN)
    return run.prepare(subject, PLAN)


def pruned_by(prepared: Prepared, sparsity: float, granularity: str = "channel") -> Pruned:
    plan = PLAN.changed(sparsity=sparsity, granularity=granularity)
    ready = run.prepare(prepared.subject, plan, prepared.baseline)
    return run.prune(ready, plan)


def shared_of(prepared: Prepared, budget: int = 2**28) -> Shared:
    return Shared(prepared.subject, prepared.baseline, budget)


def truth(prepared: Prepared, pruned: Pruned):
    data = prepared.subject.data
    assert data is not None
    return accuracy_pair(prepared.baseline.answers, predict(pruned.model, data.x), data.y)


class Gate(nn.Module):
    """Passes a network's answers on; holds each call until it is let through."""

    def __init__(self, inner: nn.Module, free: int = 0) -> None:
        super().__init__()
        self.inner, self.calls, self.free = inner, 0, free
        self.arrived, self.open = threading.Semaphore(0), threading.Semaphore(0)

    def forward(self, x):
        self.calls += 1
        if self.calls > self.free:
            self.arrived.release()
            assert self.open.acquire(timeout=SECONDS)
        return self.inner(x)

    def wait(self) -> None:
        """Wait until a call stands before the gate."""
        assert self.arrived.acquire(timeout=SECONDS)


def gated(pruned: Pruned, free: int) -> tuple[Pruned, Gate]:
    gate = Gate(pruned.model, free)
    return replace(pruned, model=gate), gate


def course_of(prepared: Prepared, pruned: Pruned, evaluations: Shared) -> LiveEstimate:
    data = replace(prepared.subject, data=None)
    ms = np.ones(FEWEST_PASSES)
    pair = Timings(ms, ms, 1, 1).summary()
    return LiveEstimate(run.report(replace(prepared, subject=data), pruned, pair), evaluations)


@pytest.mark.parametrize("granularity", ["channel", "weight"])
@pytest.mark.parametrize("warm", [False, True])
def test_an_estimate_gets_exact_batch_by_batch(prepared, granularity, warm) -> None:
    evaluations, pruned = shared_of(prepared), pruned_by(prepared, 0.6, granularity)
    if warm:
        evaluations.warm(never)
    course = begin(prepared, pruned, evaluations)
    assert course.current.timed
    seen = []
    while not course.ended:
        seen.append(course.current)
        course.advance(pruned)
    assert [now.report.accuracy.samples for now in seen] == [32, 64, 96, 128, 160]
    assert not any(now.exact for now in seen)
    assert {now.total for now in seen} == {190}
    for now in seen:
        accuracy = now.report.accuracy
        low, high = accuracy.change_interval
        assert low <= accuracy.change <= high
        first = evaluations.evaluator.order[: accuracy.samples]
        data = prepared.subject.data
        part = accuracy_pair(
            prepared.baseline.answers[first], predict(pruned.model, data.x[first]), data.y[first]
        )
        assert accuracy == part, "both networks are compared on the same inputs"
    course.finish(prepared, pruned, never)
    assert course.current.done
    assert course.current.report.accuracy == truth(prepared, pruned)
    assert evaluations.evaluator.fell_back == 0


def test_reusing_batches_use_what_was_recorded(prepared) -> None:
    evaluations = shared_of(prepared)
    evaluations.warm(never)
    last = prepared.units[-1].name
    plan = PLAN.changed(sparsity=0.0, layers={last: 0.5}, granularity="weight")
    pruned = run.prune(run.prepare(prepared.subject, plan, prepared.baseline), plan)
    begin(prepared, pruned, evaluations).finish(prepared, pruned, never)
    assert evaluations.evaluator.store.peak_bytes > 0


def test_a_newer_plan_cancels_the_older_one_between_two_batches(prepared) -> None:
    evaluations, session = shared_of(prepared), Background()
    old, gate = gated(pruned_by(prepared, 0.3), free=4)
    old_course = course_of(prepared, old, evaluations)
    gate.calls, gate.free = 0, 2
    session.go_on("old", lambda stop: old_course.finish(prepared, old, stop))
    thread = session._thread
    gate.wait()
    assert old_course.current.report.accuracy.samples == 2 * SIZE
    session.turn_to("new")
    gate.open.release()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert gate.calls == 3
    assert not old_course.current.exact
    assert not evaluations.is_warm, "what is newer does not wait for that either"
    new = pruned_by(prepared, 0.6)
    new_course = course_of(prepared, new, evaluations)
    session.go_on("new", lambda stop: new_course.finish(prepared, new, stop))
    session.wait()
    assert new_course.current.report.accuracy == truth(prepared, new)


def test_one_session_never_cancels_another(prepared) -> None:
    evaluations, mine, other = shared_of(prepared), Background(), Background()
    pruned, gate = gated(pruned_by(prepared, 0.3), free=4)
    course = course_of(prepared, pruned, evaluations)
    gate.calls, gate.free = 0, 2
    mine.go_on("plan", lambda stop: course.finish(prepared, pruned, stop))
    gate.wait()
    other.turn_to("another plan")
    other.turn_to("plan")
    other.turn_to("yet another plan")
    gate.free = 10**6
    gate.open.release()
    mine.wait()
    assert course.current.report.accuracy == truth(prepared, pruned_by(prepared, 0.3))


def test_a_course_that_was_left_goes_on_where_it_stopped(prepared) -> None:
    evaluations = shared_of(prepared)
    pruned, gate = gated(pruned_by(prepared, 0.6), free=10**6)
    course = course_of(prepared, pruned, evaluations)
    gate.calls = 0
    answers = iter([False, False, True])
    course.finish(prepared, pruned, lambda: next(answers, True))
    assert course.current.report.accuracy.samples == 2 * SIZE
    evaluations.warm(never)
    course.finish(prepared, pruned, never)
    assert gate.calls == len(evaluations.parts)
    assert course.current.report.accuracy == truth(prepared, pruned)


def test_the_same_work_is_begun_once(prepared) -> None:
    session, going, begun = Background(), threading.Event(), []

    def work(stop) -> None:
        begun.append(stop)
        assert going.wait(SECONDS)

    session.go_on("plan", work)
    session.go_on("plan", work)
    assert not begun[0]()
    going.set()
    session.wait()
    assert len(begun) == 1


def test_a_session_that_is_gone_computes_no_further() -> None:
    session, told = Background(), []
    session.go_on("plan", told.append)
    session.wait()
    assert not told[0]()
    del session
    assert told[0]()


def test_who_is_waited_for_comes_first() -> None:
    turns, order, asked = Turns(), [], threading.Semaphore(0)

    def compute(name: str, urgent: bool) -> None:
        asked.release()
        with turns.taken(urgent=urgent):
            order.append(name)

    with turns.taken(urgent=False):
        waiting = []
        for name, urgent in (("later", False), ("at once", True)):
            waiting.append(threading.Thread(target=compute, args=(name, urgent)))
            waiting[-1].start()
            assert asked.acquire(timeout=SECONDS)
        with turns._condition:
            while not turns._urgent:  # it is counted as it begins to wait
                turns._condition.wait(0.001)
    for thread in waiting:
        thread.join(SECONDS)
    assert order == ["at once", "later"]


class Breaks(nn.Module):
    """Answers as often as it is asked to, and then fails."""

    def __init__(self, inner: nn.Module, times: int) -> None:
        super().__init__()
        self.inner, self.times = inner, times

    def forward(self, x):
        self.times -= 1
        if self.times < 0:
            raise KeyError("no such head\nand more")
        return self.inner(x)


@pytest.mark.parametrize("times", [0, 2])
def test_an_error_in_the_network_is_a_sentence(prepared, times) -> None:
    evaluations, whole = shared_of(prepared), pruned_by(prepared, 0.3)
    course = course_of(prepared, whole, evaluations)
    broken = replace(whole, model=Breaks(whole.model, times))
    course.finish(prepared, broken, never)
    with pytest.raises(ValueError, match=r"^the pruned network fails .*KeyError.*; undo the last"):
        _ = course.current
    assert course.ended


def test_answers_of_another_shape_are_a_sentence(prepared) -> None:
    evaluations, whole = shared_of(prepared), pruned_by(prepared, 0.3)
    course = course_of(prepared, whole, evaluations)
    course.advance(replace(whole, model=nn.Sequential(whole.model, nn.Flatten(0))))
    with pytest.raises(ValueError, match="fails on the evaluated inputs"):
        _ = course.current


class Noisy(nn.Module):
    """Draws at random even in eval mode."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) + 1e-3 * torch.randn(1)


def test_a_model_that_draws_is_computed_in_full_and_says_so(prepared) -> None:
    noisy = replace(prepared.subject, model=Noisy(prepared.subject.model).eval())
    evaluations = Shared(noisy, prepared.baseline, 2**28)
    assert evaluations.notes == ()
    evaluations.warm(never)
    assert evaluations.is_warm
    assert "drawn at random" in str(evaluations.notes[0])
    pruned, gate = gated(pruned_by(prepared, 0.6), free=10**6)
    course = course_of(prepared, pruned, evaluations)
    gate.calls = 0
    course.finish(prepared, pruned, never)
    assert gate.calls == len(evaluations.parts)
    assert course.current.report.accuracy == truth(prepared, pruned)


@pytest.mark.parametrize("budget", [0, 20_000, 2**28])
def test_what_is_kept_stays_within_the_budget_in_several_sessions(prepared, budget) -> None:
    evaluations = shared_of(prepared, budget)
    evaluations.warm(never)
    changed = [pruned_by(prepared, sparsity) for sparsity in (0.3, 0.5, 0.7, 0.9)]
    courses = [begin(prepared, pruned, evaluations) for pruned in changed]
    sessions = [Background() for _ in courses]
    for session, course, pruned in zip(sessions, courses, changed, strict=True):
        session.go_on("plan", lambda stop, c=course, p=pruned: c.finish(prepared, p, stop))
    for session in sessions:
        session.wait()
    assert evaluations.evaluator.store.peak_bytes <= budget
    for course, pruned in zip(courses, changed, strict=True):
        assert course.current.report.accuracy == truth(prepared, pruned)


def test_large_networks_are_timed_last(prepared, monkeypatch) -> None:
    monkeypatch.setattr(live, "SMALL_MACS", 0)
    pruned = pruned_by(prepared, 0.6)
    course = begin(prepared, pruned, shared_of(prepared))
    assert not course.current.timed
    while not course.ended:
        course.advance(pruned)
    assert course.current.exact
    assert not course.current.done
    course.finish(prepared, pruned, never)
    assert course.current.done
    assert course.current.report.latency_ms.pruned.runs >= 3


def test_batches_take_about_as_long_for_networks_of_any_size() -> None:
    images = torch.zeros(1, 3, 32, 32)
    sizes = [batch_size(images, macs) for macs in (0, 10**6, 10**8, 10**9, 10**12)]
    assert sizes == [64, 64, 32, 8, 8]
