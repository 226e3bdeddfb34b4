"""What a recovery is compared with: pruning alone, and the recalibrated original."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from pruneviz.evaluate import answers
from pruneviz.plan import Plan
from pruneviz.recovery import RECOVERIES, RecoveryRequest
from pruneviz.recovery.choice import as_told
from pruneviz.recovery.norms import batch_norms
from pruneviz.recovery.training.device import torch_device
from pruneviz.recovery.training.states import copied
from pruneviz.report import MetricValue
from pruneviz.stages.prepare import Prepared
from pruneviz.stages.prune import prune
from pruneviz.stepwise import State, complete
from pruneviz.subjects import Data, Subject
from pruneviz.wording import Fact, retrained


@dataclass(frozen=True)
class Control:
    """The primary metric of the same pruning without recovery, and of the recalibrated original.

    The latter is None for a model without BatchNorm.
    """

    before: MetricValue
    recalibrated: MetricValue | None

    def notes(self, prepared: Prepared) -> tuple[Fact, ...]:
        """Return what a recovered network is to be compared with, none without BatchNorm."""
        subject, found = prepared.subject, prepared.baseline.answers
        if self.recalibrated is None or subject.data is None or found is None:
            return ()
        metric = subject.metrics[0]
        original = metric.combine(subject.task.tally(found, subject.data.y))
        both = as_told(metric, self.recalibrated.value, original)
        return (retrained.recalibrated_original(*both),)

    def state(self) -> State:
        """Return it as plain values."""
        again = self.recalibrated
        return {
            "before": self.before.model_dump(),
            "recalibrated": again.model_dump() if again else None,
        }

    @classmethod
    def read(cls, state: State) -> Control:
        """Return it from plain values."""
        again = state["recalibrated"]
        return cls(MetricValue(**state["before"]), MetricValue(**again) if again else None)


def measure_control(prepared: Prepared, plan: Plan, device: str) -> Control:
    """Return what a bound plan's recovery is compared with; its data must be there."""
    subject = prepared.subject
    assert subject.data is not None
    before = _judged(prune(prepared, plan).model, subject, subject.data, device)
    if not batch_norms(subject.model):
        return Control(before, None)
    entry = RECOVERIES.get("recalibrate")
    asked = [dict(s.parameters) for s in plan.recovery if s.method == "recalibrate"]
    settings = entry.settings({**(asked[0] if asked else {}), "keep_better": False})
    model = subject.model
    request = RecoveryRequest(
        model=model,
        masks={},
        cuts=(),
        teacher=model,
        data=subject.data,
        seed=plan.seed,
        device=device,
        task=subject.task,
        metric=subject.metrics[0],
    )
    work = complete(entry.implementation(request, **settings))
    return Control(before, _judged(work.model, subject, subject.data, device))


def _judged(model: nn.Module, subject: Subject, data: Data, device: str) -> MetricValue:
    """Return a subject's primary metric of another network, on its held-out inputs."""
    where, metric, task = torch_device(device), subject.metrics[0], subject.task
    found = answers(model.to(where), data.x.to(where), data.y.to(where), task)
    tally = task.tally(copied(found), data.y)
    return MetricValue(
        metric=metric.name,
        value=metric.combine(tally),
        interval=metric.interval(tally),
        samples=len(data.y),
    )
