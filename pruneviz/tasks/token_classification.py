"""Token classification: one label a token, as for names in a text or parts of speech."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pruneviz.tasks.language_modelling import logits_of_tokens
from pruneviz.tasks.segmentation import Segmentation
from pruneviz.tasks.task import IGNORED, TASKS, Answers, Tally, shape_of, within_outputs
from pruneviz.wording import Fact, misfits


@TASKS.register(
    name="token_classification",
    title="Token classification",
    family="text",
    sentence="Each token of a text is of one class; the network gives a logit for each token and "
    "class.",
    formula="L = −1/T Σₜ log softmax(zₜ)_yₜ over the labelled tokens t",
    source="Collobert et al. 2011, https://www.jmlr.org/papers/v12/collobert11a.html",
)
class TokenClassification(Segmentation):
    """Outputs are logits (N, places, classes), or a mapping with them as `logits`.

    Targets are int64 (N, places); places labelled `IGNORED`, as in padding, are not judged. It is
    segmentation along a text: the same is counted of each class, and Dice over all tokens is their
    mean F1.
    """

    metrics = reported = ("token_accuracy", "dice")

    def logits(self, output: Any) -> Any:
        """Return an output's logits as (N, classes, places); what is none as it is."""
        logits = logits_of_tokens(output)
        fits = isinstance(logits, Tensor) and logits.ndim == 3
        return logits.transpose(1, 2) if fits else logits

    def scores(self, output: Any) -> Any:
        """Return the logits, (N, places, classes)."""
        return logits_of_tokens(output)

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output is not (N, places, classes), or labels are not (N, places)."""
        logits = logits_of_tokens(output)
        if not isinstance(logits, Tensor) or logits.ndim != 3 or logits.is_complex():
            return misfits.answers_otherwise(shape_of(logits), "(inputs, places, classes)")
        if target.shape[1:] != logits.shape[1:2]:
            wanted = f"one label for each of {logits.shape[1]} places"
            return misfits.targets_otherwise(tuple(target.shape[1:]), wanted)
        return within_outputs(target[target != IGNORED], logits.shape[2])

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return what segmentation counts, and `tokens`, how many are labelled, (N,)."""
        found = super().tally(answers, target)
        return {**found, "tokens": found["pixels"]}
