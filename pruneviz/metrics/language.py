"""Metrics of how improbable text is held, and of which choice is held the likeliest.

Those of text compare at one length and stride alone.
"""

from __future__ import annotations

from math import log

import numpy as np
import torch
from torch import Tensor

from pruneviz.metrics.classification import STUDENT, WILSON
from pruneviz.metrics.metric import METRICS, Metric, Tally
from pruneviz.metrics.rules import OfMeans, Proportion

OF_CHOICES = ("likelihood", "question", "choice", "choices", "truth")
HARNESS = "Gao et al. 2024, https://doi.org/10.5281/zenodo.12608602"


def per_token(means: Tensor) -> Tensor:
    """Return how many tokens are as good as one that is drawn evenly, of nats and tokens."""
    return (means[:, 0] / means[:, 1]).exp()


def bits(means: Tensor) -> Tensor:
    """Return how many bits are needed a byte, of nats and bytes."""
    return means[:, 0] / means[:, 1] / log(2)


def of_tokens(means: Tensor) -> Tensor:
    """Return how much there is of something for each token, of that and tokens."""
    return means[:, 0] / means[:, 1]


def _by_token(column: str) -> OfMeans:
    """Return the rule of a column's sum over the tokens of all texts."""
    return OfMeans(
        lambda tally: torch.stack([tally[column].double(), tally["tokens"].double()], 1), of_tokens
    )


def _nats_and(size: str, tally: Tally) -> Tensor:
    return torch.stack([tally["nll"].double(), tally[size].double()], 1)


def questions(tally: Tally) -> Tensor:
    """Return the numbers of the questions whose choices are all there, ascending."""
    numbers, counts = torch.unique(tally["question"], return_counts=True)
    asked = dict(zip(tally["question"].tolist(), tally["choices"].tolist(), strict=True))
    whole = [asked[number] == count for number, count in _pairs(numbers, counts)]
    found: Tensor = numbers[torch.tensor(whole, dtype=torch.bool)]
    return found


def _pairs(numbers: Tensor, counts: Tensor) -> list[tuple[int, int]]:
    return list(zip(numbers.tolist(), counts.tolist(), strict=True))


def answered_right(tally: Tally, scores: Tensor) -> Tensor:
    """Return of each question, (questions,) bool, whether its right choice has the highest score.

    Scores are one a choice, (N,). Of choices with the same one the first is answered, as
    `numpy.argmax` has it; a question of which a choice is not there counts nowhere.
    """
    question, choice = tally["question"].numpy(), tally["choice"].numpy()
    order = np.lexsort((choice, -scores.double().numpy(), question))
    known, first = np.unique(question[order], return_index=True)
    answered = tally["truth"].bool().numpy()[order][first]
    return torch.from_numpy(answered[np.isin(known, questions(tally).numpy())])


def _by_sum(tally: Tally) -> Tensor:
    return answered_right(tally, tally["likelihood"])


def _by_length(tally: Tally) -> Tensor:
    return answered_right(tally, tally["likelihood"].double() / tally["characters"])


METRICS.add(
    Metric(
        name="perplexity",
        title="Perplexity",
        family="function of means",
        sentence="Among how many tokens, all as probable, the network is as unsure as it is of the "
        "next one; it compares with others of the same tokens, length and stride alone.",
        formula="exp(Σ −log p / tokens)",
        source="Jelinek et al. 1977, https://doi.org/10.1121/1.2016299; interval of its logarithm: "
        f"{STUDENT}",
        better="lower",
        least=1.0,
        needs=("nll", "tokens"),
        implementation=OfMeans(
            lambda tally: _nats_and("tokens", tally), per_token, torch.log, torch.exp
        ),
    )
)
METRICS.add(
    Metric(
        name="bits_per_byte",
        title="Bits per byte",
        family="function of means",
        sentence="How many bits the network needs for a byte of text, whatever its tokens are; it "
        "compares with others of the same text, length and stride alone.",
        formula="Σ −log₂ p / bytes",
        source=f"Gao et al. 2020, arXiv 2101.00027; interval: {STUDENT}",
        unit="bits",
        better="lower",
        needs=("nll", "bytes"),
        implementation=OfMeans(lambda tally: _nats_and("bytes", tally), bits),
    )
)
METRICS.add(
    Metric(
        name="top5_token_accuracy",
        title="Top-5 token accuracy",
        family="function of means",
        sentence="How many of the judged tokens are among the five that the network holds most "
        "likely, over all texts together.",
        formula="Σ among five / Σ tokens",
        source=f"Russakovsky et al. 2015, arXiv 1409.0575; interval: {STUDENT}",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("among_five", "tokens"),
        implementation=_by_token("among_five"),
    )
)
METRICS.add(
    Metric(
        name="token_kl",
        title="KL divergence from the original by token",
        family="function of means",
        sentence="How far what the network says of the next token is from what the original says, "
        "over the judged places of all texts; the text itself is not asked.",
        formula="Σ Σ p log(p / q) / Σ tokens, p the original's probabilities",
        source=f"Kullback and Leibler 1951, https://doi.org/10.1214/aoms/1177729694; "
        f"interval: {STUDENT}",
        unit="nats",
        better="lower",
        needs=("kl", "tokens"),
        implementation=_by_token("kl"),
    )
)
METRICS.add(
    Metric(
        name="token_agreement",
        title="Agreement with the original by token",
        family="function of means",
        sentence="At how many of the judged places the network holds the same next token most "
        "likely as the original does, over all texts.",
        formula="Σ agreed / Σ tokens",
        source=f"Geirhos et al. 2020, arXiv 2006.16736; interval: {STUDENT}",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=("agreed", "tokens"),
        implementation=_by_token("agreed"),
    )
)
METRICS.add(
    Metric(
        name="choice_accuracy",
        title="Choice accuracy",
        family="proportion",
        sentence="In how many of the questions the right choice is the likeliest after the "
        "question, all of its tokens together; the accuracy of lm-evaluation-harness (acc).",
        formula="questions with argmax Σ log p(token) right / questions",
        source=f"{HARNESS}; interval: {WILSON}",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=OF_CHOICES,
        implementation=Proportion(_by_sum),
        count=questions,
        counted="question",
    )
)
METRICS.add(
    Metric(
        name="choice_accuracy_by_length",
        title="Choice accuracy by length",
        family="proportion",
        sentence="The same of the log-likelihood divided by the choice's characters, so that short "
        "choices are not preferred; the normalised accuracy of lm-evaluation-harness (acc_norm).",
        formula="questions with argmax Σ log p(token) / characters right / questions",
        source=f"{HARNESS}; interval: {WILSON}",
        unit="fraction",
        better="higher",
        most=1.0,
        needs=(*OF_CHOICES, "characters"),
        implementation=Proportion(_by_length),
        count=questions,
        counted="question",
    )
)
