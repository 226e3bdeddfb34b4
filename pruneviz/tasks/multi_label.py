"""Multi-label classification: any number of labels an input, each there or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from pruneviz.metrics.areas import ALL
from pruneviz.registry import Value
from pruneviz.tasks.task import (
    TASKS,
    Answers,
    Explained,
    Reduction,
    Tally,
    Within,
    each_column,
    mean_of_known,
    not_numbers_of,
    number_of_each_row,
    reduced,
)
from pruneviz.wording import Fact, misfits

UNKNOWN = -1  # in a target, as NaN is: nobody knows whether the label is there


@TASKS.register(
    name="multi_label",
    title="Classification, several labels",
    family="labels",
    sentence="Each label is there or not; the network gives a logit for each by itself.",
    formula="L = −1/K Σₖ [yₖ log σ(zₖ) + (1 − yₖ) log σ(−zₖ)], over the K labels that are known",
    source="binary relevance: Tsoumakas and Katakis 2007, https://doi.org/10.4018/jdwm.2007070101",
)
class MultiLabel:
    """Outputs are logits (N, labels), targets 0 and 1 in the same shape, or shares of between.

    NaN or −1 is a label of which nobody knows whether it is there: nothing is asked of it.
    """

    metrics = reported = (
        "auroc", "average_precision", "f1", "recall", "precision", "loss", "accuracy",
    )  # fmt: skip
    labelled = False
    usual: Mapping[str, Value] = {"class_index": ALL}

    def scores(self, output: Any) -> Any:
        """Return the output, which is logits."""
        return output

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output is not (N, labels), or targets are none of 0 to 1 for each.

        Or why an input has no label that is known.
        """
        fault = not_numbers_of(output, target, "(inputs, labels)")
        if fault is not None or not target.numel():
            return fault
        known = known_labels(target)
        empty = int((~known.any(1)).sum())
        if empty:
            return misfits.no_label_known(empty, len(target))
        low, high = float(target[known].min()), float(target[known].max())
        return None if low >= 0 and high <= 1 else misfits.not_between_0_and_1(low, high)

    def answers(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the logits, (N, labels)."""
        del target
        return output

    def loss(self, output: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean over the labels of the binary cross-entropy."""
        known = known_labels(target)
        wanted = there(target, known).to(output.dtype)
        each = binary_cross_entropy_with_logits(output, wanted, reduction="none")
        return reduced(mean_of_known(each, known), reduction)

    def unit(self, target: Tensor) -> float:
        """Return 1: the loss has no unit."""
        del target
        return 1.0

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return `right` (N,), where every label is, and `nll` (N,), a label's mean, float64.

        And what they come from: `target`, −1 where it is not known, and `logits`, (N, labels) each.
        """
        assert isinstance(answers, Tensor)
        wide, known = answers.double(), known_labels(target)
        right = ((wide > 0) == (target > 0.5)) | ~known
        return {
            "right": ~wide.isnan().any(1) & right.all(1),
            "nll": self.loss(wide, target, "none"),
            "target": target.masked_fill(~known, UNKNOWN),
            "logits": answers,
        }

    def fault(self, tally: Tally) -> Tensor:
        """Return the mean over the labels of the negative log-likelihood, in nats."""
        return tally["nll"]

    def distil(
        self, output: Tensor, teacher: Tensor, temperature: float = 1.0,
        reduction: Reduction = "mean", target: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the mean over the labels of KL(teacher ‖ output), each there or not, in nats.

        Where targets are given, over those that are known.
        """
        found, wanted = output / temperature, teacher / temperature
        present = wanted.sigmoid() * (logsigmoid(wanted) - logsigmoid(found))
        absent = (-wanted).sigmoid() * (logsigmoid(-wanted) - logsigmoid(-found))
        known = torch.ones_like(output, dtype=torch.bool)
        if target is not None:
            known = known_labels(target).expand_as(output)
        return reduced(mean_of_known(present + absent, known), reduction)

    def explained(
        self, output: Tensor, target: Tensor | None = None, within: Within = ()
    ) -> list[Explained]:
        """Return the summed logits of the labels that are there, where given, and each logit."""
        del within
        labels = each_column("label", output.shape[1])
        if target is None:
            return labels
        weights = there(target, known_labels(target))

        def named(out: Tensor) -> Tensor:
            return (out * weights.to(out.dtype)).sum(1)

        return [Explained("labels", named, "logit"), *labels]

    def strata(self, target: Tensor) -> Tensor:
        """Return a number for each set of labels that occurs; those that occur once share one."""
        return number_of_each_row(target.masked_fill(~known_labels(target), UNKNOWN))


def known_labels(target: Tensor) -> Tensor:
    """Return of which labels is known whether they are there, (N, labels) bool: not NaN, nor −1."""
    return ~(target.isnan() | (target == UNKNOWN))


def there(target: Tensor, known: Tensor) -> Tensor:
    """Return the targets (N, labels) with 0 where nobody knows."""
    return target.where(known, 0)
