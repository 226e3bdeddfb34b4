"""Whether a network changed without training is worth keeping: by its calibration inputs."""

from __future__ import annotations

from torch import nn

from pruneviz.evaluate import predict
from pruneviz.measure.quality import predicted
from pruneviz.network.duplicate import duplicate
from pruneviz.recovery.method import Task
from pruneviz.recovery.training.device import torch_device
from pruneviz.wording import Fact, retrained


def better(task: Task, changed: nn.Module, what: str) -> tuple[nn.Module, Fact | None]:
    """Return the changed network, or the task's own where that answers calibration inputs better.

    The note, None where the changed one stays, says so of `what` was changed. Both are on the
    task's device.
    """
    device = torch_device(task.device)
    own = duplicate(task.model).to(device)
    x, y = task.data.calibration_x.to(device), task.data.calibration_y
    before, after = (
        int((predicted(predict(model, x).cpu()) == y).sum()) / len(y) for model in (own, changed)
    )
    if before <= after:
        return changed, None
    return own, retrained.left_as_it_was(what, after, before)
