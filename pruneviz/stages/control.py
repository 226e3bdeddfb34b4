"""What a recovery is compared with: pruning alone, and the recalibrated original."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from pruneviz.evaluate import predict
from pruneviz.measure.quality import label_logits, predicted
from pruneviz.metrics.statistics import wilson
from pruneviz.plan import Plan
from pruneviz.recovery import RECOVERIES, RecoveryRequest
from pruneviz.recovery.norms import batch_norms
from pruneviz.recovery.training.device import torch_device
from pruneviz.report import Proportion
from pruneviz.stages.prepare import Prepared
from pruneviz.stages.prune import prune
from pruneviz.stepwise import State, complete
from pruneviz.subjects import Data
from pruneviz.wording import Fact, retrained


@dataclass(frozen=True)
class Control:
    """Accuracies of the same pruning without recovery, and of the recalibrated original.

    The latter is None for a model without BatchNorm.
    """

    before: Proportion
    recalibrated: Proportion | None

    def notes(self, prepared: Prepared) -> tuple[Fact, ...]:
        """Return what a recovered network is to be compared with, none without BatchNorm."""
        data, logits = prepared.subject.data, prepared.baseline.answers
        if self.recalibrated is None or data is None or logits is None:
            return ()
        original = int((predicted(label_logits(logits)) == data.y).sum()) / len(data.y)
        return (retrained.recalibrated_original(self.recalibrated.accuracy, original),)

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
        return cls(Proportion(**state["before"]), Proportion(**again) if again else None)


def measure_control(prepared: Prepared, plan: Plan, device: str) -> Control:
    """Return what a bound plan's recovery is compared with; its data must be there."""
    subject = prepared.subject
    assert subject.data is not None
    before = _proportion(prune(prepared, plan).model, subject.data, torch_device(device))
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
    )
    work = complete(entry.implementation(request, **settings))
    return Control(before, _proportion(work.model, subject.data, torch_device(device)))


def _proportion(model: nn.Module, data: Data, device: torch.device) -> Proportion:
    logits = predict(model.to(device), data.x.to(device)).cpu()
    correct = int((predicted(logits) == data.y).sum())
    return Proportion(
        accuracy=correct / len(data.y), interval=wilson(correct, len(data.y)), samples=len(data.y)
    )
