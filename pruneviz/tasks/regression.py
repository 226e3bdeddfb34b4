"""Regression: numbers for each input."""

from __future__ import annotations

from math import isfinite
from typing import Any

import torch
from torch import Tensor

from pruneviz.tasks.task import (
    NO_SETTINGS,
    TASKS,
    Answers,
    Explained,
    Reduction,
    Tally,
    Within,
    each_column,
    not_numbers_of,
    reduced,
)
from pruneviz.wording import Fact, misfits

BINS = 10


@TASKS.register(
    name="regression",
    title="Regression",
    family="numbers",
    sentence="The network gives a number for each input, or several.",
    formula="L = 1/K Σₖ (fₖ − yₖ)²",
    source="least squares: Legendre 1805",
)
class Regression:
    """Outputs are (N,) or (N, numbers), targets the same or (N,) in place of (N, 1)."""

    metrics = reported = ("mae", "mse", "r2")
    labelled = False
    usual = NO_SETTINGS

    def scores(self, output: Any) -> Any:
        """Return the output, which is the numbers."""
        return output

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output is not (N, numbers), or targets are not as many finite numbers."""
        given = rows(output) if isinstance(output, Tensor) else output
        fault = not_numbers_of(given, rows(target), "(inputs, numbers)")
        if fault is not None or bool(target.isfinite().all()):
            return fault
        return misfits.targets_not_finite()

    def answers(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the numbers, (N, numbers)."""
        del target
        return rows(output)

    def loss(self, output: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean over the numbers of the squared error."""
        found, wanted = rows(output), rows(target)
        wide = torch.promote_types(found.dtype, torch.float32)  # half a number holds no target
        return reduced((found.to(wide) - wanted.to(wide)).square().mean(1), reduction)

    def unit(self, target: Tensor) -> float:
        """Return the loss of the best constant answer, the targets' variance; 1 where that is 0."""
        wanted = rows(target).double()
        variance = float((wanted - wanted.mean(0)).square().mean())
        return variance if isfinite(variance) and variance > 0 else 1.0

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return `error`, the answer less the target, and `target`, float64.

        (N,) each where it is one number an input, else (N, numbers).
        """
        assert isinstance(answers, Tensor)
        found, wanted = rows(answers).double(), rows(target).double()
        if wanted.shape[1] == 1:
            found, wanted = found[:, 0], wanted[:, 0]
        return {"error": found - wanted, "target": wanted}

    def fault(self, tally: Tally) -> Tensor:
        """Return the absolute error, its mean over the numbers."""
        return rows(tally["error"]).abs().mean(1)

    def distil(
        self, output: Tensor, teacher: Tensor, temperature: float = 1.0,
        reduction: Reduction = "mean", target: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the mean over the numbers of the squared distance."""
        del target
        return self.loss(rows(output) / temperature, rows(teacher) / temperature, reduction)

    def explained(
        self, output: Tensor, target: Tensor | None = None, within: Within = ()
    ) -> list[Explained]:
        """Return each of the numbers, and before them their sum where targets are given."""
        del within
        numbers = each_column("number", rows(output).shape[1], rows, "answer")
        if target is None:
            return numbers
        return [Explained("numbers", lambda out: rows(out).sum(1)), *numbers]

    def strata(self, target: Tensor) -> Tensor:
        """Return in which tenth of the inputs each lies, by its first number."""
        first = rows(target)[:, 0].double().contiguous()
        edges = first.quantile(torch.linspace(0, 1, BINS + 1, dtype=torch.double)[1:-1])
        return torch.bucketize(first, edges)


def rows(numbers: Tensor) -> Tensor:
    """Return numbers (N,) as (N, 1), others as they are."""
    return numbers[:, None] if numbers.ndim == 1 else numbers
