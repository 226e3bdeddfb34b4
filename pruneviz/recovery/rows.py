"""Points of a recovery's curve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from pruneviz.evaluate import predict
from pruneviz.measure.quality import predicted
from pruneviz.recovery.method import RecoveryRequest
from pruneviz.report import EpochRow


def held_out_row(
    asked: RecoveryRequest, step: str, model: nn.Module, device: torch.device
) -> EpochRow:
    """Return the point of a model, on `device`, that was not trained in this step."""
    y = asked.data.y
    logits = predict(model, asked.data.x.to(device)).cpu()
    return EpochRow(
        round=asked.round,
        step=step,
        epoch=asked.epochs_before,
        accuracy=int((predicted(logits) == y).sum()) / len(y),
        held_out_loss=float(asked.task.loss(logits, y)),
        sparsity=asked.sparsity,
    )


def curve_state(curve: Iterable[EpochRow]) -> list[dict[str, Any]]:
    """Return a curve as plain values."""
    return [row.model_dump() for row in curve]


def read_curve(rows: Iterable[dict[str, Any]]) -> list[EpochRow]:
    """Return a curve from plain values."""
    return [EpochRow(**row) for row in rows]
