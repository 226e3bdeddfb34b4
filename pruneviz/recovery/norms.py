"""BatchNorm layers: which of them keep running statistics, and taking these anew."""

from __future__ import annotations

from torch import nn

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

BatchNorm = nn.modules.batchnorm._BatchNorm


def batch_norms(model: nn.Module) -> list[BatchNorm]:
    """Return the model's BatchNorm layers that keep running statistics, in their order."""
    return [m for m in model.modules() if isinstance(m, BatchNorm) and m.track_running_stats]


def no_batch_norm() -> RefusedError:
    """Return the error of a model that has nothing to recalibrate."""
    return RefusedError(training.nothing_to_recalibrate())
