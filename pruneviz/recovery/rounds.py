"""Rounds of pruning and recovering: what goes in each, and how long each recovers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from pruneviz.allocate import Costs, Ranking, allocate, exact_count, ranks_across, set_by_hand
from pruneviz.granularity.units import Units
from pruneviz.metrics import Metric
from pruneviz.plan import Plan, RecoveryStep
from pruneviz.recovery.method import RECOVERIES
from pruneviz.recovery.schedules import SCHEDULES
from pruneviz.recovery.training.class_weights import CLASS_WEIGHTS
from pruneviz.registry import Value
from pruneviz.report import EpochRow
from pruneviz.subjects import Data
from pruneviz.tasks import Task
from pruneviz.wording import RefusedError, retrained
from pruneviz.wording.refusals import training

EPOCHS, STOP_AFTER = "epochs", "stop_after"


def spelled_out(plan: Plan) -> dict[str, Any]:
    """Return a plan's schedule and recovery with all but quiet defaults, as fields of a plan."""
    schedule = SCHEDULES.get(plan.schedule).settings(plan.schedule_parameters)
    recovery = tuple(
        RecoveryStep(
            method=step.method,
            parameters=RECOVERIES.get(step.method).spelled_out(step.parameters),
        )
        for step in plan.recovery
    )
    return {"schedule_parameters": schedule, "recovery": recovery}


def recovery_key(plan: Plan) -> str:
    """Return the SHA-256 of a bound plan without `stop_after`: what a checkpoint must match."""
    steps = [
        {
            "method": step.method,
            "parameters": {k: v for k, v in step.parameters.items() if k != STOP_AFTER},
        }
        for step in plan.recovery
    ]
    return hashlib.sha256(plan.changed(recovery=steps).canonical_json().encode()).hexdigest()


def trains(step: RecoveryStep) -> bool:
    """Return whether a recovery step has epochs, which its rounds share."""
    return any(p.name == EPOCHS for p in RECOVERIES.get(step.method).parameters)


def weighs_classes(plan: Plan) -> bool:
    """Return whether a training of a plan counts inputs of some classes more than others."""
    return any(str(step.parameters.get(CLASS_WEIGHTS.name, "")).strip() for step in plan.recovery)


def with_epochs(plan: Plan, epochs: int) -> Plan:
    """Return the plan with so many epochs for each of its training steps, none stopped by hand."""
    steps = [
        {
            "method": step.method,
            "parameters": {**step.parameters, EPOCHS: epochs, STOP_AFTER: 0},
        }
        if trains(step)
        else step.model_dump()
        for step in plan.recovery
    ]
    return plan.changed(recovery=steps)


def shares(epochs: int, rounds: int) -> tuple[int, ...]:
    """Return how many of the epochs each round trains: the last one about two thirds or more.

    Only the last round trains what is the result; the others let the weights settle and rank.
    """
    if epochs < rounds:
        raise RefusedError(training.fewer_epochs_than_rounds(epochs, rounds))
    if rounds == 1:
        return (epochs,)
    each = max(1, epochs // 3 // (rounds - 1))
    return (*[each] * (rounds - 1), epochs - each * (rounds - 1))


class Amounts:
    """How many units each round of a plan has removed: never fewer than the round before.

    The last round's are exactly those of the plan pruned at once.
    """

    def __init__(
        self,
        units: tuple[Units, ...],
        ranking: Ranking,
        plan: Plan,
        costs: Costs | None = None,
    ) -> None:
        """Count what the whole plan removes; ValueError where it is impossible."""
        allocation = allocate(units, ranking, plan, costs)
        self.requested, self.notes = allocation.requested, allocation.notes
        settings = SCHEDULES.get(plan.schedule).settings(plan.schedule_parameters)
        self.fractions = SCHEDULES.get(plan.schedule).implementation(**settings)
        self._plan = plan
        self._units = {layer.name: layer.count for layer in units}
        self._removed = {name: int((~keep).sum()) for name, keep in allocation.keep.items()}
        self._across = ranks_across(plan)
        self._fixed = set_by_hand(units, plan) if self._across else frozenset(self._units)

    @property
    def rounds(self) -> int:
        """Return the number of rounds."""
        return len(self.fractions)

    def plan(self, number: int) -> Plan:
        """Return the plan that removes what is gone after round `number`, from 1."""
        fraction, total = self.fractions[number - 1], sum(self._units.values())
        fixed = {name: exact_count(fraction, self._removed[name]) for name in sorted(self._fixed)}
        free = sum(count for name, count in self._removed.items() if name not in self._fixed)
        removed = sum(fixed.values()) + exact_count(fraction, free)
        return self._plan.changed(
            scope=self._plan.scope if self._across else "layer",
            scope_parameters=self._plan.scope_parameters if self._across else {},
            sparsity=removed / total,
            layers={name: count / self._units[name] for name, count in fixed.items()},
        )


@dataclass(frozen=True)
class Phase:
    """A part of the work: measuring (round 0), pruning (no method), or a recovery of a round.

    `index` is the recovery's place in its round from 1, 0 for a pruning. Of a training's
    `epochs_planned`, over all rounds, so many are those of `epochs_earlier` rounds.
    """

    round: int
    index: int
    method: str
    settings: Mapping[str, Value]
    steps: int
    epochs_earlier: int = 0
    epochs_planned: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """Return where in the work it stands; places ascend."""
        return self.round, self.index


def phases(
    plan: Plan, rounds: int, model: nn.Module, data: Data, task: Task, metric: Metric
) -> tuple[Phase, ...]:
    """Return the work of a bound plan in its order; ValueError names a step that is impossible."""
    found = [Phase(0, 0, "", {}, 1)]
    for number in range(1, rounds + 1):
        found.append(Phase(number, 0, "", {}, 1))
        for index, step in enumerate(plan.recovery, 1):
            settings, earlier, planned = _settings(step, number, rounds)
            if settings is not None:
                method = RECOVERIES.get(step.method).implementation
                steps = method.steps(model, data, task, metric, **settings)
                found.append(Phase(number, index, step.method, settings, steps, earlier, planned))
    return tuple(found)


def _settings(
    step: RecoveryStep, number: int, rounds: int
) -> tuple[dict[str, Value] | None, int, int]:
    """Return a step's settings in a round, its epochs in earlier rounds, and those of all rounds.

    The settings are None in a round after the one in which it was stopped by hand.
    """
    settings = dict(step.parameters)
    if not trains(step):
        return settings, 0, 0
    planned = int(settings[EPOCHS])
    each = shares(planned, rounds)
    earlier = sum(each[: number - 1])
    settings[EPOCHS] = each[number - 1]
    if settings[STOP_AFTER]:
        left = int(settings[STOP_AFTER]) - earlier
        if left <= 0:
            return None, earlier, planned
        settings[STOP_AFTER] = left if left < each[number - 1] else 0
    return settings, earlier, planned


def epochs_reached(plan: Plan, rows: Sequence[EpochRow]) -> int:
    """Return the planned epochs up to the end of a curve: what `stop_after` asks for to end there.

    Those of a round that stopped early count whole, because the next one begins after them.
    """
    trained = [row for row in rows if row.loss is not None]
    if not trained:
        return 0
    last = trained[-1]
    step = next(step for step in plan.recovery if step.method == last.step)
    settings = RECOVERIES.get(step.method).settings(step.parameters)
    rounds = int(SCHEDULES.get(plan.schedule).settings(plan.schedule_parameters).get("rounds", 1))
    each = shares(int(settings[EPOCHS]), rounds)
    here = sum(row.round == last.round and row.step == last.step for row in trained)
    return int(sum(each[: last.round - 1])) + here


def stopped_by_hand(plan: Plan, rows: Sequence[EpochRow]) -> tuple[str, ...]:
    """Return a sentence for each training of a curve that `stop_after` ended early."""
    names, found = [row.step for row in rows], []
    for step in plan.recovery:
        asked, planned = (int(step.parameters.get(name, 0)) for name in (STOP_AFTER, EPOCHS))
        if 0 < asked < planned and asked <= names.count(step.method):
            title = RECOVERIES.get(step.method).title
            found.append(str(retrained.stopped_by_hand(title, asked, planned)))
    return tuple(found)
