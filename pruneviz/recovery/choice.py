"""Whether a network changed without training is worth keeping: by its calibration inputs."""

from __future__ import annotations

from math import isnan
from typing import Any

from torch import nn

from pruneviz.evaluate import answers
from pruneviz.metrics import Metric
from pruneviz.network.duplicate import duplicate
from pruneviz.recovery.method import RecoveryRequest
from pruneviz.recovery.training.device import torch_device
from pruneviz.recovery.training.states import copied
from pruneviz.report import ACCURACY
from pruneviz.wording import Fact, retrained


def better(asked: RecoveryRequest, changed: nn.Module, what: str) -> tuple[nn.Module, Fact | None]:
    """Return the changed network, or the given one where that answers calibration inputs better.

    The note, None where the changed one stays, says so of `what` was changed. Both are on the
    device that was asked for.
    """
    own = duplicate(asked.model).to(torch_device(asked.device))
    before, after = _calibrated(asked, own), _calibrated(asked, changed)
    lost = isnan(after) and not isnan(before)
    if not lost and not asked.judge.gain(after - before) < 0:
        return changed, None
    return own, retrained.left_as_it_was(what, *as_told(asked.judge, after, before))


def _calibrated(asked: RecoveryRequest, model: nn.Module) -> float:
    """Return the metric of a network on the calibration inputs."""
    device, task = torch_device(asked.device), asked.task
    x, y = asked.data.calibration_x.to(device), asked.data.calibration_y
    found = answers(model, x, y.to(device), task)
    return asked.judge.combine(task.tally(copied(found), y))


def as_told(metric: Metric, *values: float) -> tuple[Any, ...]:
    """Return values as facts hold them, with the metric's name; accuracies are numbers alone."""
    if metric.name == ACCURACY:
        return values
    return *map(metric.written, values), metric.noun
