"""BatchNorm statistics taken anew after each pruning of a scan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from pruneviz.network.inputs import some
from pruneviz.recovery import RECOVERIES, RecoveryRequest
from pruneviz.stepwise import complete
from pruneviz.subjects import Data
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import Fact, scanned

Refit = Callable[[nn.Module], nn.Module]
METHOD = "recalibrate"


def recalibration(
    model: nn.Module, data: Data, seed: int = 0, task: Task = CLASSIFICATION
) -> Refit:
    """Return what gives a network BatchNorm statistics of its own: the recovery `recalibrate`.

    The new statistics are kept also where the old ones would do better, in the original as in all
    others, so that they are compared alike. ValueError for a model without BatchNorm, or where
    there are too few training inputs.
    """
    entry = RECOVERIES.get(METHOD)
    settings = entry.settings({"keep_better": False})
    entry.implementation.steps(model, data, **settings)
    # The recovery ends with a look at all held-out inputs, which the scan has itself.
    few = replace(data, x=some(data.x, slice(1)), y=data.y[:1])

    def refit(network: nn.Module) -> nn.Module:
        asked = RecoveryRequest(
            model=network, masks={}, cuts=(), teacher=network, data=few, seed=seed, task=task
        )
        return complete(entry.implementation(asked, **settings)).model

    return refit


def inputs_per_refit(data: Data) -> int:
    """Return how many training inputs each network passes through to have new statistics."""
    return min(int(RECOVERIES.get(METHOD).settings({})["inputs"]), len(data.train_y))


def refitted(network: nn.Module, refit: Refit | None) -> nn.Module:
    """Return a network with statistics of its own, where a scan takes them anew."""
    return refit(network) if refit else network


def refit_notes(refit: Refit | None) -> tuple[Fact, ...]:
    """Return what a reader must know of a scan that takes statistics anew."""
    return (scanned.refitted(),) if refit else ()
