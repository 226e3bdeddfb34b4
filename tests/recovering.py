"""Recoveries begun and finished in one line, for tests."""

from __future__ import annotations

import torch
from torch import nn

from pruneviz.recovery import RECOVERIES, Recovery, RecoveryRequest


def begin(task: RecoveryRequest, method: str, **settings: bool | int | float | str) -> Recovery:
    entry = RECOVERIES.get(method)
    return entry.implementation(task, **entry.settings(settings))


def finish(recovery: Recovery) -> Recovery:
    while not recovery.finished:
        recovery.step()
    return recovery


def same(first: nn.Module, second: nn.Module) -> bool:
    other = second.state_dict()
    return all(torch.equal(tensor, other[name]) for name, tensor in first.state_dict().items())
