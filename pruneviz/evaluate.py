"""The one inference loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pruneviz.network.answers import logits_of
from pruneviz.network.attempts import explained
from pruneviz.network.inputs import Given, batches, some
from pruneviz.tasks import Answers, Task
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.tasks.multiple_choice import MultipleChoice

T = TypeVar("T")
MOST_LOGITS = 2**27  # of tokens at places, that are held at once: half a gigabyte


def predict(model: nn.Module, x: Given, batch_size: int = 256) -> Tensor:
    """Return the logits, (N, classes), for inputs of shape (N, …); no gradient is recorded."""
    with torch.inference_mode():
        return torch.cat([_logits(model, part) for part in batches(x, batch_size)])


def answers(
    model: nn.Module, x: Given, target: Tensor, task: Task, batch_size: int = 256
) -> Answers:
    """Return what a task keeps of a network's outputs for N inputs, with their targets (N, …)."""
    return joined(of_batches(model, x, target, task, task.answers, batch_size))


def of_batches(
    model: nn.Module,
    x: Given,
    target: Tensor,
    task: Task,
    make: Callable[[Any, Tensor], T],
    batch_size: int = 256,
) -> list[T]:
    """Return what is made of a network's outputs for N inputs and their targets, batch by batch."""
    with torch.inference_mode():
        size = at_once(model, x, task, batch_size)
        parts = zip(batches(x, size), target.split(size), strict=True)
        return [make(task.scores(_logits(model, part)), wanted) for part, wanted in parts]


def at_once(model: nn.Module, x: Given, task: Task, most: int) -> int:
    """Return how many of N inputs are answered together: of texts so many that their logits fit.

    At least 1, `most` at most. One text is answered to see how many logits it has.
    """
    if not isinstance(task, LanguageModelling | MultipleChoice):
        return most
    with torch.inference_mode():
        one: Tensor = task.scores(_logits(model, some(x, slice(1))))
    return max(1, min(most, MOST_LOGITS // max(1, one.numel())))


def answers_and_losses(
    model: nn.Module, x: Given, target: Tensor, task: Task, batch_size: int = 256
) -> tuple[Answers, Tensor]:
    """Return the same, and the task's loss of each input, float64 (N,), from one pass."""

    def both(scores: Any, wanted: Tensor) -> tuple[Answers, Tensor]:
        losses = task.loss(_wide(scores), wanted, "none").double()
        return task.answers(scores, wanted), losses

    found = of_batches(model, x, target, task, both, batch_size)
    return joined([part for part, _ in found]), torch.cat([losses for _, losses in found])


def _wide(scores: Any) -> Any:
    """Return rows of numbers (B, K) in double precision; larger scores, as of pixels, as they are.

    These would take twice the memory of the largest tensor there is.
    """
    return scores.double() if isinstance(scores, Tensor) and scores.ndim == 2 else scores


def joined(parts: Sequence[Answers]) -> Answers:
    """Return the answers to several batches as those to all their inputs, in this order."""
    if isinstance(parts[0], Tensor):
        return torch.cat([part for part in parts if isinstance(part, Tensor)])
    names = parts[0].keys()
    mappings = [part for part in parts if isinstance(part, Mapping)]
    return {name: torch.cat([part[name] for part in mappings]) for name in names}


def taken(answers: Answers, which: Tensor | slice) -> Answers:
    """Return the answers to some of the inputs."""
    if isinstance(answers, Tensor):
        return answers[which]
    return {name: values[which] for name, values in answers.items()}


def _logits(model: nn.Module, x: Given) -> Any:
    with explained(model, x):
        return logits_of(model, x)
