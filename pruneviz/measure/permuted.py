"""Whether the classes of the data may be other outputs than was taken, and which ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import binom
from torch import Tensor

from pruneviz.measure.answers import confusion
from pruneviz.measure.quality import predicted
from pruneviz.metrics.statistics import wilson
from pruneviz.subjects import Data
from pruneviz.subjects.split import stratified
from pruneviz.wording import Fact, opened

UNLIKELY = 0.001  # of an accuracy as low, were every answer a guess
FAR_BETTER = 0.4
MOST_NAMED = 5
CLEARLY = 0.75  # right so often, no other order of the classes is far better


@dataclass(frozen=True)
class Permutation:
    """The outputs that classes would fit best: `outputs` by label, for the classes with inputs.

    `accuracy` is what is right now, `better` what would be, each a fraction of `samples`. `better`
    is of inputs to which the outputs were not fitted. `chance` is that of a guess.
    """

    outputs: Mapping[int, int]
    accuracy: float
    better: float
    samples: int
    chance: float


def permutation(logits: Tensor, y: Tensor) -> Permutation | None:
    """Return the outputs that the classes seem to be, where those taken fit far worse; else None.

    Logits are (N, classes), labels (N,). Either the accuracy is far under chance (one-sided exact
    binomial test), or other outputs are right far more often, on inputs that did not choose them.
    """
    samples, chance = len(y), 1 / logits.shape[1]
    right = int((predicted(logits) == y).sum())
    if not samples or right >= CLEARLY * samples:
        return None
    halves = [torch.from_numpy(part) for part in stratified(y.numpy(), 0.5)]
    fits = [_best(confusion(logits[half], y[half])) for half in halves]
    checked = sum(
        _right(logits[half], y[half], fit) for half, fit in zip(halves, reversed(fits), strict=True)
    )
    accuracy, better = right / samples, checked / samples
    under = binom.cdf(right, samples, chance) < UNLIKELY
    surely = wilson(checked, samples)[0] > max(wilson(right, samples)[1], chance)
    if not surely or not (under or better - accuracy >= FAR_BETTER):
        return None
    best = _best(confusion(logits, y))
    outputs = {label: int(best[label]) for label in sorted(set(y.tolist()))}
    return Permutation(outputs, accuracy, better, samples, chance)


def permutation_note(logits: Tensor, data: Data) -> Fact | None:
    """Return the warning that classes may be permuted, with those that fit best; None for none."""
    found = permutation(logits, data.y)
    if found is None:
        return None
    said = fitting_classes(found, data)
    names = said or {data.classes[label]: output for label, output in found.outputs.items()}
    changed = list(names.items())
    listed = ", ".join(f"{name} is output {output}" for name, output in changed[:MOST_NAMED])
    more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
    given = " ".join(f"--class {name}={output}" for name, output in changed[:MOST_NAMED])
    remedy = f"{given}{' …' if more else ''}" if said else ""
    numbers = (found.accuracy, found.samples, found.chance, found.better)
    return opened.perhaps_permuted(*numbers, f"{listed}{more}", remedy)


def fitting_classes(found: Permutation, data: Data) -> dict[str, int]:
    """Return the outputs that fit best by the names in the data; {} for a sample's own data."""
    if data.labelling is None:
        return {}
    taken = data.labelling.outputs
    return {name: found.outputs.get(output, output) for name, output in taken.items()}


def _best(table: Tensor) -> Tensor:
    """Return the output of each class, (classes,), by which most inputs are right."""
    _, columns = linear_sum_assignment(table.numpy(), maximize=True)
    return torch.from_numpy(columns)


def _right(logits: Tensor, y: Tensor, outputs: Tensor) -> int:
    return int((predicted(logits) == outputs[y]).sum())
