"""PyTorch's optimisers, and learning rates as formulas of the step."""

from __future__ import annotations

import math

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from pruneviz.recovery.training.settings import Settings
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import training

RISE, START = 0.3, 1 / 25  # of a cycle: the share that rises, and where it begins


def make_optimiser(model: nn.Module, settings: Settings) -> Optimizer:
    """Return the optimiser of every parameter that asks for a gradient."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimiser == "adamw":
        return AdamW(parameters, rate, betas=(settings.momentum, 0.999), weight_decay=decay)
    return SGD(parameters, rate, momentum=settings.momentum, weight_decay=decay)


def check_schedule(settings: Settings, steps: int) -> None:
    """Raise ValueError where the learning rates cannot be spread over so few steps."""
    if settings.learning_rate_schedule == "one_cycle" and steps < 2:
        raise RefusedError(training.too_few_steps_for_one_cycle())


def make_schedule(optimiser: Optimizer, settings: Settings, steps: int, first: int) -> LRScheduler:
    """Return the learning rates of `steps` steps, those of all epochs planned, from `first` on."""
    factor = FACTORS[settings.learning_rate_schedule]
    return LambdaLR(optimiser, lambda step: factor(first + step, steps))


def one_cycle(step: int, steps: int) -> float:
    """Return the share of the highest rate: up from 1/25 in 30 % of the steps, down to nearly 0.

    Smith and Topin 2017, arXiv 1708.07120, with PyTorch's OneCycleLR's defaults.
    """
    top, last = RISE * steps - 1, steps - 1
    if step <= top:
        return _between(START, 1.0, step / top)
    return _between(1.0, START / 1e4, min(1.0, (step - top) / (last - top)))


def cosine(step: int, steps: int) -> float:
    """Return the share of the highest rate, falling to 0 (arXiv 1608.03983)."""
    return _between(1.0, 0.0, min(1.0, step / steps))


def constant(step: int, steps: int) -> float:
    """Return the share of the highest rate: all of it."""
    del step, steps
    return 1.0


def _between(start: float, end: float, share: float) -> float:
    """Return the point at `share` of the way on half a cosine wave."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


FACTORS = {"one_cycle": one_cycle, "cosine": cosine, "constant": constant}
