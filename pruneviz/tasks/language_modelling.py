"""Language modelling: the next token at each place of a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from pruneviz.tasks.task import (
    IGNORED,
    NO_SETTINGS,
    TASKS,
    Answers,
    Explained,
    Reduction,
    Tally,
    Within,
    for_each,
    mean_of_judged,
    reduced,
    shape_of,
    within_outputs,
)
from pruneviz.wording import Fact, misfits

NOUN = "log-likelihood"
AT_ONCE = 2**22  # logits that are looked at in double precision: 32 MiB


@TASKS.register(
    name="language_modelling",
    title="Language modelling",
    family="text",
    sentence="At each place of a text the network says how likely each token comes next.",
    formula="L = −1/T Σₜ log softmax(zₜ)_yₜ over the judged places t",
    source="Bengio et al. 2003, https://www.jmlr.org/papers/v3/bengio03a.html",
)
class LanguageModelling:
    """Outputs are logits (N, places, tokens), or a mapping with them as `logits`.

    Targets are int64 (N, places): the token that comes after each place, `IGNORED` where none is
    judged, as in padding and where windows overlap. `token_bytes` (tokens,), where known, says how
    many bytes of text each token stands for.
    """

    def __init__(self, token_bytes: Tensor | None = None) -> None:
        self.token_bytes = token_bytes

    @property
    def metrics(self) -> tuple[str, ...]:
        """The perplexity, the bits a byte where a token's bytes are known, right next tokens."""
        return (*self.reported, "token_accuracy", "top5_token_accuracy")

    @property
    def reported(self) -> tuple[str, ...]:
        """The perplexity, and the bits a byte where it is known how many bytes a token has."""
        return ("perplexity",) if self.token_bytes is None else ("perplexity", "bits_per_byte")

    labelled = False
    usual = NO_SETTINGS

    def scores(self, output: Any) -> Any:
        """Return the logits, (N, places, tokens)."""
        return logits_of_tokens(output)

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output is not (N, places, tokens), or targets are not tokens of these."""
        logits = logits_of_tokens(output)
        if not isinstance(logits, Tensor) or logits.ndim != 3 or logits.is_complex():
            return misfits.answers_otherwise(shape_of(logits), "(inputs, places, tokens)")
        if target.shape[1:] != logits.shape[1:2]:
            wanted = f"one token for each of {logits.shape[1]} places"
            return misfits.targets_otherwise(tuple(target.shape[1:]), wanted)
        return within_outputs(target[target != IGNORED], logits.shape[2])

    def answers(self, output: Any, target: Tensor) -> Answers:
        """Return `log_likelihood`, float64, 0 where none is judged, (N, places).

        And `right` and `among_five`, whether the likeliest token, or one of the five likeliest, is
        the next one. Of `tokens` logits a place these alone are kept.
        """
        logits = logits_of_tokens(output)
        places = for_each(target, len(logits))
        rows = max(1, AT_ONCE // max(1, logits.shape[2]))
        parts = zip(logits.flatten(0, 1).split(rows), places.flatten().split(rows), strict=True)
        found = [_answers(part[None], wanted[None]) for part, wanted in parts]
        likelihoods, right, among = (
            torch.cat(each, 1).reshape(places.shape) for each in zip(*found, strict=True)
        )
        return {"log_likelihood": likelihoods, "right": right, "among_five": among}

    def loss(self, output: Any, target: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean over an input's judged places of the cross-entropy; 0 without any."""
        logits = logits_of_tokens(output).transpose(1, 2)  # (N, tokens, places)
        each = cross_entropy(logits, target.long(), ignore_index=IGNORED, reduction="none")
        return reduced(mean_of_judged(each, target), reduction)

    def unit(self, target: Tensor) -> float:
        """Return 1: the loss has no unit."""
        del target
        return 1.0

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return `nll`, summed over an input's tokens, float64, `tokens`, `correct`, `among_five`.

        And `bytes`, how many bytes those tokens stand for, where that is known.
        """
        assert isinstance(answers, Mapping)
        judged = target != IGNORED
        found = {
            "nll": -answers["log_likelihood"].sum(1),
            "tokens": judged.sum(1),
            "correct": answers["right"].sum(1),
            "among_five": answers["among_five"].sum(1),
        }
        if self.token_bytes is None:
            return found
        lengths = self.token_bytes.to(target.device)[target.clamp_min(0)]
        return {**found, "bytes": (lengths * judged).sum(1)}

    def fault(self, tally: Tally) -> Tensor:
        """Return the mean negative log-likelihood of the tokens, in nats."""
        return tally["nll"] / tally["tokens"].clamp_min(1)

    def distil(
        self, output: Any, teacher: Any, temperature: float = 1.0, reduction: Reduction = "mean",
        target: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the mean over places of KL(teacher ‖ output) of the probabilities, in nats."""
        found, wanted = (
            log_softmax(logits_of_tokens(each) / temperature, 2) for each in (output, teacher)
        )
        each = kl_div(found, wanted, reduction="none", log_target=True).sum(2)  # (N, places)
        return reduced(mean_of_judged(each, target), reduction)

    def explained(
        self, output: Any, target: Tensor | None = None, within: Within = ()
    ) -> list[Explained]:
        """Return the log-likelihood of all tokens, and of the token after each place.

        It is that of the targets, else of the tokens that this output says are most likely.
        """
        del within
        logits = logits_of_tokens(output)
        wanted = logits.argmax(2) if target is None else target
        places = [
            Explained(f"place {at}", _likelihood(wanted, at), NOUN, at)
            for at in range(logits.shape[1])
        ]
        if target is None:
            return places

        def text(out: Any) -> Tensor:
            return log_likelihoods(logits_of_tokens(out), target).sum(1)

        return [Explained("text", text, NOUN), *places]

    def strata(self, target: Tensor) -> None:
        """Return None: texts are alike."""
        del target


def _answers(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log-likelihood, float64, and whether the likeliest or one of five is next."""
    likelihoods = log_likelihoods(logits.double(), target)
    likeliest, among = among_likeliest(logits, target)
    return likelihoods, likeliest & ~likelihoods.isnan(), among & ~likelihoods.isnan()


def logits_of_tokens(output: Any) -> Any:
    """Return an output's logits, (N, places, tokens)."""
    return output["logits"] if isinstance(output, Mapping) else output


def log_likelihoods(logits: Tensor, target: Tensor) -> Tensor:
    """Return the log-likelihood of each target, (N, places), 0 where it is IGNORED."""
    wanted = for_each(target, len(logits))
    chosen = logits.gather(2, wanted.clamp_min(0)[..., None])[..., 0]
    return torch.where(wanted == IGNORED, 0.0, chosen - logits.logsumexp(2))


def among_likeliest(logits: Tensor, target: Tensor, most: int = 5) -> tuple[Tensor, Tensor]:
    """Return whether each target is the likeliest token, and one of the `most` likeliest.

    Logits are (N, places, tokens), the rest (N, places).
    """
    likeliest = logits.argmax(2) == target
    best = logits.topk(min(most, logits.shape[2]), 2).indices == target[..., None]
    return likeliest, best.any(2) | likeliest


def _likelihood(target: Tensor, at: int) -> Callable[[Any], Tensor]:
    """Return what gives the log-likelihood of the token after one place, (B,)."""

    def likelihood(output: Any) -> Tensor:
        here = slice(at, at + 1)
        return log_likelihoods(logits_of_tokens(output)[:, here], target[:, here])[:, 0]

    return likelihood
