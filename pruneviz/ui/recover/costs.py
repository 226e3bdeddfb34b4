"""What a recovery will take: measured once in a thread of its own, while the page goes on."""

from __future__ import annotations

import threading

from pruneviz.analyses.recovery_cost import LEAST_EPOCHS, Cost, cost
from pruneviz.home import default_home
from pruneviz.jobs import start
from pruneviz.jobs.control import default_threads
from pruneviz.measure.threads import computing_threads
from pruneviz.plan import Plan
from pruneviz.recovery.rounds import with_epochs
from pruneviz.recovery.training.settings import TRAINING
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.ui.engine import cache
from pruneviz.ui.engine.cached import cached
from pruneviz.ui.engine.keys import asked_key, subject_key
from pruneviz.ui.session import recipes

DEVICE = "auto"  # the jobs of the app use a GPU where there is one
# A measurement that takes no longer than this is begun unasked; a page waits so long for it.
QUICK_SECONDS, WAIT_SECONDS = 3.0, 0.6
LAST_SECONDS = 2.0  # at the end, both networks are timed
PASSES = 3000  # inputs that a measurement sees, beside all held-out ones twice
# What no step takes longer for, so that moving it measures nothing anew.
FREE = {p.name for p in TRAINING} - {"batch_size", "augmentation", "precision", "optimiser"}
FREE |= {"temperature", "teacher_weight", "keep_better"}
_one_at_a_time = threading.Lock()


class Measuring:
    """A measurement under way; `cost` is None until it is over, `problem` says why there is none.

    It is of as few epochs as the plan's rounds need: `seconds_of` tells what any plan takes that
    differs in its epochs alone.
    """

    def __init__(self, plan: Plan) -> None:
        """Begin to measure."""
        self.cost: Cost | None = None
        self.problem = ""
        self._left = False
        self._thread = threading.Thread(
            target=self._measure, args=(plan,), name="cost", daemon=True
        )
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Return whether it is not over yet."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait for it, at most so long."""
        self._thread.join(seconds)

    def leave(self) -> None:
        """Begin no more, if it has not begun."""
        self._left = True

    def _measure(self, plan: Plan) -> None:
        with _one_at_a_time:
            if self._left:
                return
            try:
                prepared = cache.prepared(plan)  # only now: who waits holds no network
                with computing_threads(default_threads()):  # as many as the job will have
                    self.cost = cost(prepared, plan, DEVICE)
            except ValueError as error:
                self.problem = str(error)


def problem(plan: Plan) -> str:
    """Return in one sentence why a plan's recovery is impossible, "" where it is possible."""
    try:
        return _problem(plan)
    except ValueError as error:
        return str(error)


def measured(plan: Plan) -> Measuring | None:
    """Return the measurement of a plan's cost, begun here where it is quick.

    None for a slow network of which it was never asked for.
    """
    if not _quick(plan) and measure.kept(plan) is None:
        return None
    found = measure(plan)
    found.wait(WAIT_SECONDS)
    return found


def _essential(plan: Plan) -> Plan:
    """Return the plan with as few epochs as can be measured, and no setting that costs nothing."""
    steps = [
        {"method": s.method, "parameters": {n: v for n, v in s.parameters.items() if n not in FREE}}
        for s in plan.recovery
    ]
    return with_epochs(plan.changed(recovery=steps), LEAST_EPOCHS * recipes.rounds(plan))


@cached(asked_key, of=_essential, most=64, leave=Measuring.leave)
def measure(plan: Plan) -> Measuring:
    """Begin to measure a plan's cost, or return the measurement that was begun before."""
    return Measuring(plan)


def seconds_of(found: Cost, plan: Plan) -> float:
    """Return what a plan takes in all, by the cost of one that differs in its epochs alone."""
    epochs = recipes.epochs_run(plan)
    return around_seconds() + found.seconds_fixed + epochs * found.seconds_per_epoch


def around_seconds() -> float:
    """Return what a job takes to begin and to end, beside its training."""
    return start.seconds(default_home()) + LAST_SECONDS


def epochs_within(found: Cost, plan: Plan, seconds: float) -> int:
    """Return how many epochs a job can train in a time, as many as a person may ask for."""
    return min(found.epochs_within(seconds - around_seconds(), plan), recipes.MOST_EPOCHS)


@cached(subject_key)
def _quick(plan: Plan) -> bool:
    subject, original = cache.subject(plan), cache.original(plan)
    held_out = len(subject.data.x) if subject.data else 0
    original.affordable(subject)  # times the network again if the first time was doubtful
    return original.seconds_per_input * (2 * held_out + PASSES) <= QUICK_SECONDS


@cached(cache.plan_key, most=256)
def _problem(plan: Plan) -> str:
    try:
        RecoveryRounds(cache.prepared(plan), plan, DEVICE)
    except ValueError as error:
        return str(error)
    return ""
