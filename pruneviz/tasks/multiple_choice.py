"""Multiple choice: how likely a language model holds each choice after a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pruneviz.tasks.language_modelling import LanguageModelling, logits_of_tokens
from pruneviz.tasks.task import (
    IGNORED,
    NO_SETTINGS,
    TASKS,
    Answers,
    Explained,
    Reduction,
    Tally,
    Within,
    reduced,
    shape_of,
)
from pruneviz.wording import Fact, misfits

# What stands in a target before the tokens: the number of the question, that of the choice, how
# many choices there are, whether this one is right, and how many characters it has.
SAID = ("question", "choice", "choices", "truth", "characters")
HEAD = len(SAID)
TEXTS = LanguageModelling()


@TASKS.register(
    name="multiple_choice",
    title="Multiple choice",
    family="text",
    sentence="Of the choices of a question the network holds one the likeliest.",
    formula="answer = argmax_c Σₜ log softmax(zₜ)_cₜ over the tokens t of each choice c; "
    "L = the mean of −log softmax(zₜ)_cₜ for the right one",
    source="Gao et al. 2024, lm-evaluation-harness, https://doi.org/10.5281/zenodo.12608602",
)
class MultipleChoice:
    """Outputs are logits (N, places, tokens), as of language modelling; an input is one choice.

    Targets are int64 (N, 5 + places): what `SAID` names, and behind it the next token at each place
    of the choice, `IGNORED` at those of the question and of padding.
    """

    metrics = reported = ("choice_accuracy", "choice_accuracy_by_length")
    labelled = False
    usual = NO_SETTINGS

    def scores(self, output: Any) -> Any:
        """Return the logits, (N, places, tokens)."""
        return logits_of_tokens(output)

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output is not of a language model, or targets are no choices for it."""
        logits = logits_of_tokens(output)
        if not isinstance(logits, Tensor) or logits.ndim != 3 or logits.is_complex():
            return misfits.answers_otherwise(shape_of(logits), "(inputs, places, tokens)")
        if target.shape[1:] != (HEAD + logits.shape[1],):
            wanted = f"{HEAD} numbers of a choice and a token for each of {logits.shape[1]} places"
            return misfits.targets_otherwise(tuple(target.shape[1:]), wanted)
        return TEXTS.misfit(output, target[:, HEAD:])

    def answers(self, output: Any, target: Tensor) -> Answers:
        """Return `log_likelihood`, float64 (N, places), 0 where none is judged, and `right`."""
        kept = TEXTS.answers(output, target[:, HEAD:])
        assert isinstance(kept, Mapping)
        return {name: kept[name] for name in ("log_likelihood", "right")}

    def loss(self, output: Any, target: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean cross-entropy over the tokens of right choices; 0 of the others."""
        each = TEXTS.loss(output, target[:, HEAD:], "none")
        right = target[:, SAID.index("truth")] == 1
        return reduced(torch.where(right, each, 0.0 * each), reduction)

    def unit(self, target: Tensor) -> float:
        """Return 1: the loss has no unit."""
        del target
        return 1.0

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return `likelihood`, summed over a choice's tokens, float64, and what `SAID` names."""
        assert isinstance(answers, Mapping)
        said = {name: target[:, place] for place, name in enumerate(SAID)}
        likelihood = answers["log_likelihood"].sum(1)
        return {**said, "truth": said["truth"] == 1, "likelihood": likelihood}

    def fault(self, tally: Tally) -> Tensor:
        """Return how unlikely the right choice is, in nats; of another how likely, below 0."""
        return torch.where(tally["truth"], -tally["likelihood"], tally["likelihood"])

    def distil(
        self, output: Any, teacher: Any, temperature: float = 1.0, reduction: Reduction = "mean",
        target: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the mean over places of KL(teacher ‖ output) of the probabilities, in nats."""
        tokens = None if target is None else target[:, HEAD:]
        return TEXTS.distil(output, teacher, temperature, reduction, tokens)

    def explained(
        self, output: Any, target: Tensor | None = None, within: Within = ()
    ) -> list[Explained]:
        """Return the log-likelihood of a choice, and of the token after each place."""
        return TEXTS.explained(output, None if target is None else target[:, HEAD:], within)

    def strata(self, target: Tensor) -> None:
        """Return None: choices of one question stay together."""
        del target

    def together(self, target: Tensor) -> Tensor:
        """Return the number of each choice's question."""
        return target[:, SAID.index("question")]


def tokens_of(target: Tensor) -> Tensor:
    """Return the tokens of targets (N, 5 + places), `IGNORED` where none is judged."""
    return target[:, HEAD:]


__all__ = ["HEAD", "IGNORED", "SAID", "MultipleChoice", "tokens_of"]
