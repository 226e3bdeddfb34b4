"""A plan's rounds carried out a step at a time: shown, stopped, saved and taken up again."""

from __future__ import annotations

import time
from dataclasses import fields, replace

import torch
from torch import nn

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import Applied, apply
from pruneviz.metrics import best_row
from pruneviz.network.duplicate import duplicate
from pruneviz.plan import Plan
from pruneviz.proof import prove
from pruneviz.recovery import RECOVERIES, Recovery, RecoveryRequest
from pruneviz.recovery.rounds import (
    STOP_AFTER,
    Amounts,
    Phase,
    phases,
    recovery_key,
    stopped_by_hand,
)
from pruneviz.recovery.rows import curve_state, held_out_row, read_curve
from pruneviz.recovery.training.device import device_name, torch_device, world_size
from pruneviz.recovery.training.states import copied, load
from pruneviz.report import EpochRow, RecoveryReport
from pruneviz.stages.bind import bind
from pruneviz.stages.control import Control, measure_control
from pruneviz.stages.prepare import Prepared, counting, scored
from pruneviz.stages.prune import Pruned, pruning_notes, removed
from pruneviz.stepwise import State
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals import training


class RecoveryRounds:
    """The rounds of a plan, each pruning and then recovering; a batch is a step.

    `phases` are the parts of the work in their order, `data` is what it is trained and judged on.

    Under `torchrun` every process makes one and steps it; `leads` says which one writes files.
    """

    def __init__(self, prepared: Prepared, plan: Plan, device: str = "cpu") -> None:
        """Lay the work out; ValueError says which part of the plan is impossible and why."""
        if prepared.subject.data is None:
            labelled = prepared.subject.task.labelled
            raise RefusedError(training.needs_labels() if labelled else training.needs_data())
        self.plan = bind(plan, prepared.subject)
        self._prepared, self.data, self._device = prepared, prepared.subject.data, device
        self._where = torch_device(device)
        self._amounts = Amounts(prepared.units, prepared.ranking, self.plan, counting(prepared))
        model, task = prepared.subject.model, prepared.subject.task
        metric = prepared.subject.metrics[0]
        self.phases = phases(self.plan, self._amounts.rounds, model, self.data, task, metric)
        self.total = sum(phase.steps for phase in self.phases)
        self._at = 0
        self._method: Recovery | None = None
        self._control: Control | None = None
        whole = {u.name: torch.ones(u.count, dtype=torch.bool) for u in prepared.units}
        self._applied = Applied(model, prepared.units, whole, model, (), (), ())
        self._rows: list[EpochRow] = []
        self._notes: list[Fact] = []
        self._stops: list[str] = []
        self._seconds = 0.0

    @property
    def key(self) -> str:
        """Return the digest that a checkpoint must match."""
        return recovery_key(self.plan)

    @property
    def leads(self) -> bool:
        """Return whether this process is the one, of those that train together, that writes."""
        return world_size() == 1 or torch.distributed.get_rank() == 0

    @property
    def done(self) -> int:
        """Return how many steps are done; those that an early stop saves count as done."""
        before = sum(phase.steps for phase in self.phases[: self._at])
        return before + (self._method.done if self._method else 0)

    @property
    def finished(self) -> bool:
        """Return whether all rounds are done."""
        return self._at >= len(self.phases)

    @property
    def curve(self) -> list[EpochRow]:
        """Return the points so far: one after each pruning, recalibration and epoch."""
        return [*self._rows, *(self._method.curve if self._method else ())]

    @property
    def sentence(self) -> str:
        """Return what it does now, such as "round 2 of 5, fine-tuning, epoch 3 of 10"."""
        if self.finished:
            return "finished"
        phase = self.phases[self._at]
        if phase.round == 0:
            return "measuring what pruning alone costs"
        rounds = self._amounts.rounds
        start = f"round {phase.round} of {rounds}, " if rounds > 1 else ""
        if self._method:
            return start + self._method.sentence
        if phase.method:
            return f"{start}beginning: {RECOVERIES.get(phase.method).title}"
        return f"{start}pruning"

    def step(self) -> None:
        """Do the next step: measure, prune, or train on one batch."""
        started = time.perf_counter()
        phase = self.phases[self._at]
        if phase.method:
            self._recover(phase)
        elif phase.round:
            self._prune(phase)
        else:
            self._control = measure_control(self._prepared, self.plan, self._device)
            self._at += 1
        self._seconds += time.perf_counter() - started

    def _prune(self, phase: Phase) -> None:
        """Remove what this round removes, ranked by the weights as they are now."""
        units, model = self._prepared.units, self._applied.full_size()
        prepared = self._prepared if phase.round == 1 else self._ranked_again(model)
        keep = allocate(units, prepared.ranking, self._amounts.plan(phase.round)).keep
        frozen = prepared.subject.frozen
        applied = removed(model, units, keep, self.plan, prepared.evidence, frozen)
        prove(applied, self._prepared.subject.example)
        self._applied = replace(applied, original=self._prepared.subject.model)
        network = duplicate(applied.model).to(self._where)
        self._rows.append(held_out_row(self._asked(phase), "prune", network, self._where))
        self._at += 1

    def _ranked_again(self, model: nn.Module) -> Prepared:
        """Return what is ranked by a trained network's weights; what is gone goes first."""
        found = scored(model, self._prepared.subject, self.plan, self._prepared.units)
        keep = self._applied.keep
        scores = {n: s.masked_fill(~keep[n], -torch.inf) for n, s in found.scores.items()}
        ranking = Ranking.of(self._prepared.units, scores)
        evidence = None if self._prepared.evidence is None else found.evidence
        return replace(self._prepared, ranking=ranking, evidence=evidence)

    def _asked(self, phase: Phase) -> RecoveryRequest:
        applied = self._applied
        units = sum(len(keep) for keep in applied.keep.values())
        removed = sum(int((~keep).sum()) for keep in applied.keep.values())
        return RecoveryRequest(
            model=applied.model,
            masks={} if applied.is_cut else applied.masks,
            teacher=self._prepared.subject.model,
            data=self.data,
            cuts=applied.cuts,
            seed=self.plan.seed,
            device=self._device,
            round=phase.round,
            sparsity=removed / units,
            epochs_before=max((row.epoch for row in self._rows), default=0),
            epochs_earlier=phase.epochs_earlier,
            epochs_planned=phase.epochs_planned,
            frozen=self._prepared.subject.frozen,
            task=self._prepared.subject.task,
            metric=self._prepared.subject.metrics[0],
        )

    def begin(self, phase: Phase) -> Recovery:
        """Return the recovery of a phase, on the network as it is now, with no step done."""
        method = RECOVERIES.get(phase.method).implementation
        return method(self._asked(phase), **phase.settings)

    def _recover(self, phase: Phase) -> None:
        """Do a step of a recovery; after its last one, go on with its network."""
        if self._method is None:
            self._method = self.begin(phase)
        if not self._method.finished:
            self._method.step()
        if self._method.finished:
            self._take_over(self._method)

    def _take_over(self, method: Recovery) -> None:
        self._applied = replace(self._applied, model=method.model)
        self._rows += method.curve
        self._notes += method.notes
        self._stops += [method.stopped] if method.stopped else []
        self._method = None
        self._at += 1

    def state(self) -> State:
        """Return everything from which `restore` goes on to the very same result."""
        phase = self.phases[self._at] if not self.finished else None
        return {
            "key": self.key,
            "place": list(phase.place) if phase else [self._amounts.rounds + 1, 0],
            "keep": copied(dict(self._applied.keep)),
            "network": copied(self._applied.model.state_dict()),
            "method": self._method.state() if self._method else None,
            "control": self._control.state() if self._control else None,
            "curve": curve_state(self._rows),
            "notes": [note.state() for note in self._notes],
            "stops": list(self._stops),
            "seconds": self._seconds,
        }

    def restore(self, state: State) -> None:
        """Go on from a state; ValueError where it is of another plan, or damaged."""
        key = state.get("key") if isinstance(state, dict) else None
        if key != self.key:
            raise RefusedError(training.made_by_another_plan(str(key), self.key))
        before = dict(vars(self))
        try:
            self._read(state)
        except ValueError:
            vars(self).update(before)  # nothing of a refused checkpoint stays
            raise
        except (KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
            vars(self).update(before)
            raise RefusedError(training.damaged(type(error).__name__, str(error))) from error

    def _read(self, state: State) -> None:
        self._rows, self._notes = read_curve(state["curve"]), [*map(Fact.read, state["notes"])]
        self._stops, self._seconds = list(state["stops"]), float(state["seconds"])
        self._control = Control.read(state["control"]) if state["control"] else None
        self._applied = apply(self._prepared.subject.model, self._prepared.units, state["keep"])
        load(self._applied.model, state["network"])
        place, places = tuple(state["place"]), [phase.place for phase in self.phases]
        # a round after the one in which training was stopped by hand has no such phase any more
        self._at = sum(each < place for each in places)
        self._method = None
        self._refuse_later_epochs(state)
        if place not in places and state["method"] and state["method"]["curve"]:
            raise RefusedError(training.in_a_round_left_out(place[0]))
        if state["method"] and place in places:
            self._method = self.begin(self.phases[self._at])
            self._method.restore(state["method"])

    def _refuse_later_epochs(self, state: State) -> None:
        """Raise ValueError where more epochs are done than `stop_after` asks for."""
        under_way = read_curve(state["method"]["curve"]) if state["method"] else []
        names = [row.step for row in (*self._rows, *under_way)]
        for step in self.plan.recovery:
            asked, done = int(step.parameters.get(STOP_AFTER, 0)), names.count(step.method)
            if asked and done > asked * [s.method for s in self.plan.recovery].count(step.method):
                raise RefusedError(training.past_the_stop_of(step.method, done, asked))

    def result(self) -> Pruned:
        """Return the network after the last epoch, with notes and the recovery's report."""
        if not self.finished or self._control is None:
            raise RefusedError(training.not_finished())
        applied, subject = self._applied, self._prepared.subject
        error = prove(replace(applied, original=applied.full_size()), subject.example)
        notes = (
            *self._prepared.notes,
            *self._amounts.notes,
            *pruning_notes(applied, self.plan),
            *self._control.notes(self._prepared),
            *self._notes,
        )
        return Pruned(
            **{field.name: getattr(applied, field.name) for field in fields(applied)},
            plan=self.plan,
            requested=self._amounts.requested,
            error=error,
            notes=tuple(dict.fromkeys(notes)),
            recovery=self._report(self._control),
        )

    def _report(self, control: Control) -> RecoveryReport:
        trained = [row for row in self._rows if row.loss is not None]
        best = best_row(self._rows)
        return RecoveryReport(
            before=control.before,
            control=control.recalibrated,
            rounds=self._amounts.rounds,
            epochs=len(trained),
            curve=tuple(self._rows),
            best_epoch=best.epoch if best else None,
            stopped="; ".join(
                dict.fromkeys((*self._stops, *stopped_by_hand(self.plan, self._rows)))
            ),
            seconds=self._seconds,
            threads=torch.get_num_threads(),
            device=device_name(self._where),
        )
