"""Whether a network changed without training is worth keeping: by its calibration inputs."""

from __future__ import annotations

from torch import nn

from pruneviz.evaluate import predict
from pruneviz.measure.quality import predicted
from pruneviz.network.duplicate import duplicate
from pruneviz.recovery.method import RecoveryRequest
from pruneviz.recovery.training.device import torch_device
from pruneviz.wording import Fact, retrained


def better(asked: RecoveryRequest, changed: nn.Module, what: str) -> tuple[nn.Module, Fact | None]:
    """Return the changed network, or the given one where that answers calibration inputs better.

    The note, None where the changed one stays, says so of `what` was changed. Both are on the
    device that was asked for.
    """
    device = torch_device(asked.device)
    own = duplicate(asked.model).to(device)
    x, y = asked.data.calibration_x.to(device), asked.data.calibration_y
    before, after = (
        int((predicted(predict(model, x).cpu()) == y).sum()) / len(y) for model in (own, changed)
    )
    if before <= after:
        return changed, None
    return own, retrained.left_as_it_was(what, after, before)
