"""BatchNorm layers: which of them keep running statistics, and taking these anew."""

from __future__ import annotations

from torch import nn

BatchNorm = nn.modules.batchnorm._BatchNorm


def batch_norms(model: nn.Module) -> list[BatchNorm]:
    """Return the model's BatchNorm layers that keep running statistics, in their order."""
    return [m for m in model.modules() if isinstance(m, BatchNorm) and m.track_running_stats]


def no_batch_norm() -> ValueError:
    """Return the error of a model that has nothing to recalibrate."""
    return ValueError(
        "there is nothing to recalibrate: the model has no BatchNorm layer with running "
        "statistics; leave 'recalibrate' out, or fine-tune"
    )
