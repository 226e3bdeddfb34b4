"""Classification: one label an input."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from pruneviz.tasks.task import (
    NO_SETTINGS,
    TASKS,
    Answers,
    Explained,
    Reduction,
    Tally,
    Within,
    each_column,
    for_each,
    shape_of,
    within_outputs,
)
from pruneviz.wording import Fact, misfits


def predicted(logits: Tensor) -> Tensor:
    """Return the class of the largest logit, (N, classes) → (N,); -1 where one is not a number."""
    return logits.argmax(1).masked_fill(logits.isnan().any(1), -1)


@TASKS.register(
    name="classification",
    title="Classification",
    family="labels",
    sentence="Each input is of one class; the network gives a logit for each.",
    formula="L = −log softmax(z)_y",
    source="multinomial logistic regression",
)
class Classification:
    """Outputs are logits (N, classes), targets int64 (N,)."""

    metrics = (
        "accuracy", "balanced_accuracy", "loss", "auroc", "average_precision", "brier",
        "ece", "f1", "recall", "precision",
    )  # fmt: skip

    reported = ("accuracy",)
    labelled = True
    usual = NO_SETTINGS

    def scores(self, output: Any) -> Any:
        """Return the output, which is logits."""
        return output

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output is not (N, classes), or labels are none of these classes."""
        if not isinstance(output, Tensor) or output.ndim != 2 or output.is_complex():
            return misfits.answers_otherwise(shape_of(output), "(inputs, classes)")
        if target.ndim != 1:
            return misfits.targets_otherwise(tuple(target.shape[1:]), "one label")
        return within_outputs(target, output.shape[1])

    def answers(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the logits, (N, classes)."""
        del target
        return output

    def loss(self, output: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the cross-entropy; whole numbers count as logits in double precision."""
        logits = output if output.is_floating_point() else output.double()
        return cross_entropy(logits, target.long(), reduction=reduction)

    def unit(self, target: Tensor) -> float:
        """Return 1: the loss has no unit."""
        del target
        return 1.0

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return `right` (N,), false where a logit is not a number, `nll` (N,) in nats, float64.

        And what they come from: `target` (N,) and `logits` (N, classes).
        """
        assert isinstance(answers, Tensor)
        return {
            "right": predicted(answers) == target,
            "nll": self.loss(answers.double(), target, "none"),
            "target": target,
            "logits": answers,
        }

    def fault(self, tally: Tally) -> Tensor:
        """Return the negative log-likelihood of each label, in nats."""
        return tally["nll"]

    def distil(
        self, output: Tensor, teacher: Tensor, temperature: float = 1.0,
        reduction: Reduction = "mean", target: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return KL(teacher ‖ output) of the probabilities, in nats."""
        del target
        found, wanted = log_softmax(output / temperature, 1), log_softmax(teacher / temperature, 1)
        if reduction != "none":
            summed = "batchmean" if reduction == "mean" else "sum"
            return kl_div(found, wanted, reduction=summed, log_target=True)
        return kl_div(found, wanted, reduction="none", log_target=True).sum(1)

    def explained(
        self, output: Tensor, target: Tensor | None = None, within: Within = ()
    ) -> list[Explained]:
        """Return the logit of each input's own label, where labels are given, and of each class."""
        del within
        classes = each_column("class", output.shape[1])
        if target is None:
            return classes

        def own(out: Tensor) -> Tensor:
            return out.gather(1, for_each(target, len(out))[:, None])[:, 0]

        return [Explained("label", own, "logit"), *classes]

    def strata(self, target: Tensor) -> Tensor:
        """Return the labels."""
        return target


CLASSIFICATION = Classification()
