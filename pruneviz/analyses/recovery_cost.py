"""What a recovery will take, told before it starts, from a few of its steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pruneviz.evaluate import answers
from pruneviz.plan import Plan
from pruneviz.recovery import SCHEDULES
from pruneviz.recovery.rounds import EPOCHS, Phase, trains, with_epochs
from pruneviz.recovery.schedules import ROUNDS
from pruneviz.recovery.training.settings import Settings
from pruneviz.run import Prepared
from pruneviz.stages.recovery_rounds import RecoveryRounds
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

WARM_UP, MEASURED = 1, 2  # steps: the first one sets memory aside
LEAST_EPOCHS = 2  # a round: with so many, every learning-rate schedule has steps enough


@dataclass(frozen=True)
class Cost:
    """Estimated seconds of a plan's recovery on this machine, and what they consist of.

    `seconds_per_step` is that of a training step, `steps` how many of them there are;
    `seconds_per_epoch` holds the judging after each of the `epochs` too; `seconds_fixed` is all
    that does not grow with the epochs. A plan that trains nothing has 0 steps and 0 epochs.
    """

    seconds_per_step: float
    steps: int
    seconds_per_epoch: float
    epochs: int
    seconds_fixed: float

    @property
    def seconds(self) -> float:
        """Return the seconds of everything."""
        return self.seconds_fixed + self.epochs * self.seconds_per_epoch

    def epochs_within(self, seconds: float, plan: Plan) -> int:
        """Return how many epochs each training step of a plan can take in a time, 0 for none.

        The plan differs from the measured one in its epochs alone.
        """
        training = sum(trains(step) for step in plan.recovery)
        if not training or not self.seconds_per_epoch:
            return 0
        left = seconds - self.seconds_fixed
        return max(0, int(left / (self.seconds_per_epoch * training)))


def cost(prepared: Prepared, plan: Plan, device: str = "cpu") -> Cost:
    """Measure a few steps of the first round and return what the whole plan takes.

    Later rounds work on smaller networks, so it is an upper bound. It takes a few seconds itself.
    """
    trial = RecoveryRounds(prepared, plan, device)
    fixed = _seconds(trial.step)  # the control
    fixed += trial.phases[-1].round * _seconds(trial.step)  # the first pruning
    subject, data = prepared.subject, trial.data
    judging = _seconds(lambda: answers(subject.model, data.x, data.y, subject.task))
    per_step: dict[int, float] = {}
    training, steps, epochs = 0.0, 0, 0
    for phase in trial.phases:
        if not phase.method:
            continue
        if phase.index not in per_step:
            per_step[phase.index] = _per_step(trial, phase)
        seconds = phase.steps * per_step[phase.index]
        if EPOCHS not in phase.settings:
            fixed += seconds + judging
            continue
        run = Settings.of(phase.settings).epochs_run
        training, steps, epochs = training + seconds, steps + phase.steps, epochs + run
    return Cost(
        seconds_per_step=training / steps if steps else 0.0,
        steps=steps,
        seconds_per_epoch=training / epochs + judging if epochs else 0.0,
        epochs=epochs,
        seconds_fixed=fixed,
    )


def epochs_within(prepared: Prepared, plan: Plan, seconds: float, device: str = "cpu") -> int:
    """Return how many epochs fit into a time, 0 where none does; each training step gets as many.

    ValueError for a plan that trains nothing. The epochs that the plan itself names play no part.
    """
    if not any(trains(step) for step in plan.recovery):
        raise RefusedError(analysing.trains_nothing())
    settings = SCHEDULES.get(plan.schedule).settings(plan.schedule_parameters)
    rounds = int(settings.get(ROUNDS.name, 1))
    expected = cost(prepared, with_epochs(plan, LEAST_EPOCHS * rounds), device)
    return expected.epochs_within(seconds, plan)


def _per_step(trial: RecoveryRounds, phase: Phase) -> float:
    """Return the seconds of a step of a recovery begun on the network as it is now."""
    work = trial.begin(phase)
    if work.total > WARM_UP:
        for _ in range(WARM_UP):
            work.step()
    steps = min(MEASURED, work.total - work.done)

    def some() -> None:
        for _ in range(steps):
            if not work.finished:  # it may have diverged
                work.step()

    return _seconds(some) / steps


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
