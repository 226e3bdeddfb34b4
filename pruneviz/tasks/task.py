"""What a task is: what a network is for, and so what its outputs are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from pruneviz.metrics import METRICS, Metric
from pruneviz.registry import Registry, Value
from pruneviz.wording import Fact, misfits

Reduction = Literal["mean", "sum", "none"]
Answers = Tensor | Mapping[str, Tensor]  # each (N, …), and small enough to keep for all inputs
Tally = dict[str, Tensor]  # a column's name → a number or a row for each input, (N,) or (N, …)
Within = tuple[tuple[int, int], ...]  # of each axis of places the first and the one after the last
NO_SETTINGS: Mapping[str, Value] = {}  # of a task whose metrics' parameters have their defaults
IGNORED = -100  # a place that nothing is asked of, as torch's own losses have it


@dataclass(frozen=True)
class Explained:
    """Something of an output that can be explained: its name, and its number for each input.

    `of` turns an output for inputs (B, …) into numbers (B,), with their gradient. Where it was
    made of a single input, all of these are on a way to it. `noun` says what these numbers are,
    `number` of which class, label, number or place, `box` of which box, x1, y1, x2, y2, if any.
    """

    name: str
    of: Callable[[Any], Tensor]
    noun: str = "answer"
    number: int | None = None
    box: tuple[float, ...] = ()


class Task(Protocol):
    """What a network is for: whoever differentiates, counts, compares or explains asks it.

    An output is what a network gives for inputs (N, …), with logits where it ends in
    probabilities; `target` is what the data say of them, (N, …). Losses and divergences are one
    number an input, and "mean" and "sum" are taken over inputs.
    """

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics that fit, the primary one first."""

    @property
    def reported(self) -> tuple[str, ...]:
        """The names of those that are reported where nobody asks for others, the primary first."""

    @property
    def usual(self) -> Mapping[str, Value]:
        """The settings of its metrics' parameters where nobody says otherwise, by name.

        A parameter that is not named has its own default.
        """

    @property
    def labelled(self) -> bool:
        """Whether each input is of one class, and answers are a score for each, (N, classes)."""

    def scores(self, output: Any) -> Any:
        """Return what of an output the rest is made of: a tensor, where the task knows of one."""

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output, or targets of as many inputs or others, are not of this task."""

    def answers(self, output: Any, target: Tensor) -> Answers:
        """Return what is kept of an output: (N, …) each, and never larger than the targets allow.

        Targets are asked for because a likelihood can be kept of what is there alone.
        """

    def loss(self, output: Any, target: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return what training makes small, differentiable."""

    def unit(self, target: Tensor) -> float:
        """Return what training divides losses by, of targets (N, …): 1 where losses have no unit.

        So that a learning rate means the same in metres as in millimetres.
        """

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return what is counted for each input, by a column's name; metrics are made of it."""

    def fault(self, tally: Tally) -> Tensor:
        """Return how far each input's answer is from its target, (N,), float64; more is worse."""

    def distil(
        self, output: Any, teacher: Any, temperature: float = 1.0, reduction: Reduction = "mean",
        target: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return how far an output is from a teacher's, both divided by `temperature`.

        Times the square of that it pulls as strongly as at 1 (Hinton et al. 2015, arXiv
        1503.02531, section 2). Where targets are given, what the loss leaves out is left out.
        """

    def explained(
        self, output: Any, target: Tensor | None = None, within: Within = ()
    ) -> Sequence[Explained]:
        """Return what of an output can be explained; what the targets name, if given, comes first.

        Outputs of other inputs may be given to it: those on a way to these, or parts of them; or of
        another network for the same input. Where a class is answered at places, it is explained
        over those `within`; else over those at which this output gives it.
        """

    def strata(self, target: Tensor) -> Tensor | None:
        """Return numbers (N,) that a fair split divides in proportion; None where none are."""


@runtime_checkable
class Together(Protocol):
    """A task whose inputs are judged several at a time, as the choices of one question are."""

    def together(self, target: Tensor) -> Tensor:
        """Return the number of what each input is a part of, int64 (N,)."""


TASKS: Registry[Callable[[], Task]] = Registry("task")


def usual_metric(task: Task, name: str) -> Metric:
    """Return a metric as a task has it where nobody says more; RefusedError for an unknown one."""
    metric = METRICS.get(name)
    taken = {parameter.name for parameter in metric.parameters}
    usual = {name: value for name, value in task.usual.items() if name in taken}
    return metric.of(**usual) if usual else metric


def reduced(values: Tensor, reduction: Reduction) -> Tensor:
    """Return numbers (N,) as they are, their sum or their mean."""
    if reduction == "none":
        return values
    return values.sum() if reduction == "sum" else values.mean()


def for_each(target: Tensor, count: int) -> Tensor:
    """Return the targets (count, …) of as many outputs; a single one is that of them all."""
    return target.expand(count, *target.shape[1:]) if len(target) == 1 else target


def mean_of_judged(values: Tensor, target: Tensor | None) -> Tensor:
    """Return each input's mean over the places that are not IGNORED, (N, …) → (N,); 0 without.

    Of all places where no targets are given.
    """
    if target is None:
        return values.flatten(1).mean(1)
    ignored = target == IGNORED
    places = (~ignored).flatten(1).sum(1)
    return values.masked_fill(ignored, 0.0).flatten(1).sum(1) / places.clamp_min(1)


def mean_of_known(values: Tensor, known: Tensor) -> Tensor:
    """Return each input's mean over what is known of it, (N, K) → (N,); 0 where nothing is."""
    summed = values.where(known, 0.0).sum(1)
    return summed / known.sum(1).clamp_min(1)


def number_of_each_row(rows: Tensor) -> Tensor:
    """Return a number for each row (N, K) that occurs, the same for the same, (N,).

    Rows that occur once have one number together: none of them could be in both parts of a split.
    """
    _, numbers, counts = torch.unique(rows, dim=0, return_inverse=True, return_counts=True)
    return torch.where(counts[numbers] == 1, len(counts), numbers)


def each_column(
    what: str,
    count: int,
    columns: Callable[[Tensor], Tensor] = lambda output: output,
    noun: str = "logit",
) -> list[Explained]:
    """Return each of the columns (B, count) of an output, named with its number."""

    def column(number: int) -> Callable[[Tensor], Tensor]:
        return lambda output: columns(output)[:, number]

    return [Explained(f"{what} {number}", column(number), noun, number) for number in range(count)]


def not_numbers_of(output: Any, target: Tensor, wanted: str) -> Fact | None:
    """Return why an output is not (N, K) real numbers, or targets not K real numbers each."""
    if not isinstance(output, Tensor) or output.ndim != 2 or output.is_complex():
        return misfits.answers_otherwise(shape_of(output), wanted)
    if target.shape[1:] != output.shape[1:] or target.is_complex():
        numbers = f"{output.shape[1]} number{'s' if output.shape[1] != 1 else ''}"
        return misfits.targets_otherwise(tuple(target.shape[1:]), numbers)
    return None


def shape_of(output: Any) -> tuple[int, ...] | str:
    """Return a tensor's shape, of anything else the name of its kind."""
    return tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__


def within_outputs(target: Tensor, outputs: int) -> Fact | None:
    """Return why labels are not 0 to `outputs` − 1; None where they are."""
    if target.is_floating_point() or target.is_complex():
        return misfits.no_whole_numbers()
    if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < outputs:
        return misfits.labels_beyond_outputs(int(target.min()), int(target.max()), outputs)
    return None
