"""Multi-label classification: any number of labels an input, each there or not."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from pruneviz.tasks.task import (
    TASKS,
    Answers,
    Explained,
    Reduction,
    Tally,
    each_column,
    not_numbers_of,
    number_of_each_row,
    reduced,
)
from pruneviz.wording import Fact, misfits


@TASKS.register(
    name="multi_label",
    title="Classification, several labels",
    family="labels",
    sentence="Each label is there or not; the network gives a logit for each by itself.",
    formula="L = −1/K Σₖ [yₖ log σ(zₖ) + (1 − yₖ) log σ(−zₖ)]",
    source="binary relevance: Tsoumakas and Katakis 2007, https://doi.org/10.4018/jdwm.2007070101",
)
class MultiLabel:
    """Outputs are logits (N, labels), targets 0 and 1 in the same shape, or shares of between."""

    metrics = reported = ("accuracy", "loss")
    labelled = False

    def scores(self, output: Any) -> Any:
        """Return the output, which is logits."""
        return output

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output is not (N, labels), or targets are none of 0 to 1 for each."""
        fault = not_numbers_of(output, target, "(inputs, labels)")
        if fault is not None or not target.numel():
            return fault
        low, high = float(target.min()), float(target.max())
        return None if low >= 0 and high <= 1 else misfits.not_between_0_and_1(low, high)

    def answers(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the logits, (N, labels)."""
        del target
        return output

    def loss(self, output: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean over the labels of the binary cross-entropy."""
        wanted = target.to(output.dtype)
        each = binary_cross_entropy_with_logits(output, wanted, reduction="none")
        return reduced(each.mean(1), reduction)

    def unit(self, target: Tensor) -> float:
        """Return 1: the loss has no unit."""
        del target
        return 1.0

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return `right` (N,), where every label is, and `nll` (N,), a label's mean, float64.

        And what they come from: `target` and `logits`, (N, labels) each.
        """
        assert isinstance(answers, Tensor)
        wide = answers.double()
        known = ~wide.isnan().any(1)
        return {
            "right": known & ((wide > 0) == (target > 0.5)).all(1),
            "nll": self.loss(wide, target, "none"),
            "target": target,
            "logits": answers,
        }

    def fault(self, tally: Tally) -> Tensor:
        """Return the mean over the labels of the negative log-likelihood, in nats."""
        return tally["nll"]

    def distil(
        self, output: Tensor, teacher: Tensor, temperature: float = 1.0,
        reduction: Reduction = "mean", target: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the mean over the labels of KL(teacher ‖ output), each there or not, in nats."""
        del target
        found, wanted = output / temperature, teacher / temperature
        there = wanted.sigmoid() * (logsigmoid(wanted) - logsigmoid(found))
        absent = (-wanted).sigmoid() * (logsigmoid(-wanted) - logsigmoid(-found))
        return reduced((there + absent).mean(1), reduction)

    def explained(self, output: Tensor, target: Tensor | None = None) -> list[Explained]:
        """Return the summed logits of the labels that are there, where given, and each logit."""
        labels = each_column("label", output.shape[1])
        if target is None:
            return labels
        return [Explained("labels", lambda out: (out * target.to(out.dtype)).sum(1)), *labels]

    def strata(self, target: Tensor) -> Tensor:
        """Return a number for each set of labels that occurs."""
        return number_of_each_row(target)
