"""A forward pass of any model: its output, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from pruneviz.network.causes import told
from pruneviz.network.inputs import Given, Inputs, arguments, call
from pruneviz.network.passes import Failure, Step, followed
from pruneviz.wording import RefusedError, said_by
from pruneviz.wording.refusals import forward


def attempt(model: nn.Module, x: Given) -> Any:
    """Return a model's output; ValueError says why there is none, and the remedy.

    What it draws at random is as if it had not been asked.
    """
    inside: list[Step] = []
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), followed(model, inside):
            return call(model, x)
    # Any model of any user: whatever its forward pass raises is told to them.
    except (Exception, SystemExit) as error:
        raise told(Failure(model, *arguments(x), error, inside)) from error


@contextmanager
def explained(model: nn.Module, x: Given) -> Iterator[None]:
    """Tell why passes of a model over data x (N, …) fail, by the input that it fails on."""
    try:
        yield
    # Any model of any user: what it raises is told where it is the model that fails.
    except Exception as error:
        reason = _reason(model, x)
        if reason is None:
            raise
        raise reason from error


def _reason(model: nn.Module, x: Given) -> ValueError | None:
    """Return why a model fails on inputs (N, …), or on the fewest of them that it fails on."""
    found, part = _failing(model, x), Inputs.of(x)
    while found and len(part) > 1:
        half = math.ceil(len(part) / 2)
        halves = ((_failing(model, half), half) for half in part.batches(half))
        smaller = next(((error, half) for error, half in halves if error), None)
        if smaller is None:
            return found
        found, part = smaller
    return RefusedError(forward.some_inputs(said_by(found))) if found else None


def _failing(model: nn.Module, x: Given) -> ValueError | None:
    try:
        attempt(model, x)
    except ValueError as error:
        return error
    return None
