"""Worlds in which the true value of a metric is known, to count how often intervals hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, log

import numpy as np
import torch
from numpy.random import Generator
from scipy.stats import norm

from pruneviz.metrics import METRICS, Tally
from pruneviz.metrics.areas import ALL
from pruneviz.registry import Value

Draw = Callable[[Generator, int], tuple[Tally, Tally]]


@dataclass(frozen=True)
class World:
    """Draws of the same inputs answered by two networks, and what each metric is of all inputs.

    `given` are the settings of its metrics, `sizes` how many inputs are drawn at once.
    """

    draw: Draw
    truths: Mapping[str, tuple[float, float]]  # by metric: of the first network, of the second
    given: Mapping[str, Value] = field(default_factory=dict)
    sizes: tuple[int, ...] = (30, 100, 400)


@dataclass(frozen=True)
class Cover:
    """How often 95 % intervals held the truth: those of the second network, and of the change."""

    alone: float
    paired: float


def covers(name: str, world: World, samples: int, draws: int, seed: int = 0) -> Cover:
    """Return how often the intervals of a metric hold what is true."""
    metric, generator = METRICS.get(name).of(**world.given), np.random.default_rng(seed)
    first, second = world.truths[name]
    alone = paired = 0
    for _ in range(draws):
        before, after = world.draw(generator, samples)
        low, high = metric.interval(after)
        alone += low <= second <= high
        _, (low, high) = metric.paired(before, after)
        paired += low <= second - first <= high
    return Cover(alone / draws, paired / draws)


def _tensors(**columns: np.ndarray) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(c)) for name, c in columns.items()}


def of_classes(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw inputs of four uneven classes; half of the draws decide for both networks alike."""
    target = generator.choice(4, samples, p=CLASS_SHARES)
    shared, own = generator.random(samples), generator.random(samples)
    luck = np.where(generator.random(samples) < 0.5, shared, own)
    return (
        _tensors(target=target, right=shared < RECALLS[0][target]),
        _tensors(target=target, right=luck < RECALLS[1][target]),
    )


CLASS_SHARES = np.array([0.5, 0.25, 0.15, 0.1])
RECALLS = np.array([[0.95, 0.9, 0.8, 0.85], [0.9, 0.75, 0.7, 0.8]])


def of_decisions(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw inputs of which a fifth are of the class, taken to be by both networks much alike."""
    target = (generator.random(samples) < 0.2).astype(np.int64)
    shared, own = generator.random(samples), generator.random(samples)
    luck = np.where(generator.random(samples) < 0.5, shared, own)
    found = [
        draw < np.where(target, taken, wrongly)
        for draw, taken, wrongly in ((shared, 0.9, 0.025), (luck, 0.8, 0.05))
    ]
    first, second = (np.stack([np.zeros(samples), 4.0 * taken - 2], 1) for taken in found)
    return _tensors(target=target, logits=first), _tensors(target=target, logits=second)


def of_scores(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw normal scores of two classes, a third of the inputs of the second, half in common."""
    target = (generator.random(samples) < THIRD).astype(np.int64)
    shared, *own = generator.normal(size=(3, samples))
    first, second = (
        np.stack([np.zeros(samples), (shared + each) / 2**0.5 + apart * target], 1)
        for each, apart in zip(own, APART, strict=True)
    )
    return _tensors(target=target, logits=first), _tensors(target=target, logits=second)


THIRD, APART = 1 / 3, (1.5, 1.0)


def true_precision(apart: float, share: float = THIRD) -> float:
    """Return the area under the precision-recall curve of normal scores so far apart."""
    cuts = np.linspace(-8, 10, 200_001)
    recall, alarms = norm.sf(cuts - apart), norm.sf(cuts)
    precision = share * recall / (share * recall + (1 - share) * alarms)
    return float(np.sum((precision[:-1] + precision[1:]) / 2 * -np.diff(recall)))


def of_labels(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw four labels an input, from common to rare, and normal scores of each, half in common."""
    target = (generator.random((samples, 4)) < LABEL_SHARES).astype(np.int64)
    shared, *own = generator.normal(size=(3, samples, 4))
    first, second = (
        (shared + each) / 2**0.5 + apart * target - CUTS
        for each, apart in zip(own, LABELS_APART, strict=True)
    )
    return _tensors(target=target, logits=first), _tensors(target=target, logits=second)


LABEL_SHARES, CUTS = np.array([0.5, 0.35, 0.25, 0.15]), np.array([0.8, 0.8, 0.9, 1.0])
LABELS_APART = np.array([[2.0, 1.8, 1.8, 2.0], [1.6, 1.5, 1.4, 1.6]])


def true_decisions(apart: np.ndarray) -> dict[str, float]:
    """Return recall, precision and F1 of scores above their cuts, each the mean over the labels."""
    recall = norm.sf(CUTS - apart)
    right, wrong = LABEL_SHARES * recall, (1 - LABEL_SHARES) * norm.sf(CUTS)
    each = {
        "recall": recall,
        "precision": right / (right + wrong),
        "f1": 2 * right / (LABEL_SHARES + right + wrong),
    }
    return {name: float(values.mean()) for name, values in each.items()}


def true_areas(apart: np.ndarray) -> dict[str, float]:
    """Return the areas under both curves, each the mean over the labels."""
    precisions = map(true_precision, apart, LABEL_SHARES)
    return {
        "auroc": float(norm.cdf(apart / 2**0.5).mean()),
        "average_precision": sum(precisions) / len(apart),
    }


def of_confidence(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw probabilities of two classes that promise too much, the second network's the more."""
    confidence = generator.uniform(0.5, 1, samples)
    luck = generator.random(samples)
    found = []
    for power in POWERS:
        target = (luck > confidence**power).astype(np.int64)
        logits = np.stack([np.log(confidence / (1 - confidence)), np.zeros(samples)], 1)
        found.append((target, logits))
    # one truth for both: the second network answers as the first but for its own confidence
    (target, logits), (other, _) = found
    flipped = np.where((target != other)[:, None], logits[:, ::-1], logits)
    return _tensors(target=target, logits=logits), _tensors(target=target, logits=flipped)


POWERS = (1.5, 2.0)


def true_confidence_error(power: float) -> float:
    """Return the mean of confidence less accuracy, confidence ** power, over 0.5 to 1."""
    return 2 * ((1 - 0.25) / 2 - (1 - 0.5 ** (power + 1)) / (power + 1))


def true_brier(power: float) -> float:
    """Return the mean of both classes' squared distance where confidence ** power is right."""
    sure = np.linspace(0.5, 1, 100_001)
    apart = 2 * (sure**power * (1 - sure) ** 2 + (1 - sure**power) * sure**2)
    return float(np.trapezoid(apart, sure) / 0.5)


def of_divergence(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw how far answers are from the original's: most hardly, a few by much, as Gamma of 1/2."""
    first = generator.gamma(0.5, 0.2, samples)
    return _tensors(kl=first), _tensors(kl=first + generator.gamma(0.5, 0.2, samples))


def of_numbers(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw targets and errors that are normal, the second network's half its own and larger."""
    target = generator.normal(size=samples)
    error = 0.5 * generator.normal(size=samples)
    other = error + 0.3 * generator.normal(size=samples)
    return _tensors(target=target, error=error), _tensors(target=target, error=other)


def of_text(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw texts of uneven length and difficulty: nats a token vary as Gamma of 4.

    So does how far both networks are from an original, which is a tenth of the nats.
    """
    tokens = generator.integers(20, 90, samples)
    hard = generator.gamma(4, 0.5, samples)
    nll, other = tokens * hard, tokens * (hard + generator.gamma(4, 0.05, samples))
    size = tokens * generator.integers(3, 6, samples)
    return (
        _tensors(nll=nll, tokens=tokens, bytes=size, kl=nll / 10),
        _tensors(nll=other, tokens=tokens, bytes=size, kl=other / 10),
    )


def of_masks(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw unions and what share of each is intersection, of three classes of uneven size."""
    unions = generator.gamma(2, [[50, 20, 5]], (samples, 3))
    shared = generator.beta(8, 2, (samples, 3))
    worse = shared * generator.beta(9, 1, (samples, 3))
    return (
        _tensors(unions=unions, intersections=unions * shared),
        _tensors(unions=unions, intersections=unions * worse),
    )


def of_choices(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw questions of four choices; the second network loses some of the first one's answers.

    It is right in 0.6 of them: the first in 0.7, and of what that answers right 6 in 7 stay.
    """
    truth = generator.integers(0, 4, samples)
    right = generator.random(samples) < 0.7
    stays = right & (generator.random(samples) < 6 / 7)
    beside = (truth + generator.integers(1, 4, samples)) % 4
    rows = np.arange(4)
    both = []
    for knows in (right, stays):
        answered = np.where(knows, truth, beside)[:, None] == rows
        both.append(
            _tensors(
                question=np.repeat(np.arange(samples), 4),
                choice=np.tile(rows, samples),
                choices=np.full(4 * samples, 4),
                truth=(truth[:, None] == rows).ravel(),
                characters=np.full(4 * samples, 9),
                likelihood=np.where(answered, -10.0, -20.0).ravel(),
            )
        )
    return both[0], both[1]


def of_places(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw inputs of uneven size and difficulty: the share answered right varies as Beta(8, 2)."""
    places = generator.integers(20, 90, samples)
    right = places * generator.beta(8, 2, samples)
    worse = right * generator.beta(9, 1, samples)
    return (
        _tensors(tokens=places, pixels=places, correct=right, among_five=right, agreed=right),
        _tensors(tokens=places, pixels=places, correct=worse, among_five=worse, agreed=worse),
    )


def of_boxes(generator: Generator, samples: int) -> tuple[Tally, Tally]:
    """Draw inputs with up to three boxes of each of three classes, in some all hard to find.

    The scores of boxes that are found are normal, and higher than those of false alarms; the higher
    the score, the more exactly a box lies. The second network finds fewer, and no less exactly.
    """
    shape = (samples, 3, 3)  # inputs, classes, boxes of each
    there = np.arange(3) < generator.integers(0, 4, (samples, 3, 1))
    luck = generator.random(shape) / generator.beta(*EASE, (samples, 1, 1))
    scores, false = AHEAD + generator.normal(size=shape), generator.normal(size=shape)
    exact = scores + generator.normal(size=shape)
    alarms = generator.random(shape) < ALARMS
    classes = np.broadcast_to(np.arange(3)[:, None], shape)
    both = []
    for chance in FOUND:
        found = there & (luck < chance)
        right = found[..., None] & (exact[..., None] > HARD)  # (N, 3, 3, 10)
        ranks = np.concatenate([scores, false], 2).reshape(samples, -1)
        given = np.concatenate([np.where(found, classes, -1), np.where(alarms, classes, -1)], 2)
        hits = np.concatenate([right, np.zeros_like(right)], 2).reshape(samples, -1, 10)
        sized = np.zeros((samples, 9, 4, 1), dtype=bool)
        sized[:, :, 0] = there.reshape(samples, 9, 1)
        both.append(
            _tensors(
                scores=ranks,
                classes=given.reshape(samples, -1),
                hits=hits,
                true_classes=np.where(there, classes, -1).reshape(samples, -1),
                true_sizes=sized[..., 0],
                found=sized & right.reshape(samples, 9, 1, 10),
            )
        )
    return both[0], both[1]


EASE, FOUND, ALARMS, AHEAD = (5, 1), (0.8, 0.6), 0.25, 1.0
BOXES, HARD = 1.5, np.linspace(-1, 3.5, 10)  # of a class in an input; how exact at each overlap


def found_of(chance: float) -> float:
    """Return which share of boxes is found: an input's ease is Beta(5, 1)."""
    ease = np.linspace(0, 1, 100_001)
    return float(np.trapezoid(np.minimum(chance * ease, 1) * 5 * ease**4, ease))


def true_precisions(chance: float) -> np.ndarray:
    """Return the average precision at each of the ten overlaps, of all inputs that there are."""
    cuts = np.linspace(9, -9, 20_001)
    chance, width = found_of(chance), cuts[0] - cuts[1]
    found, false = chance * norm.sf(cuts - AHEAD), 3 * ALARMS / BOXES * norm.sf(cuts)
    areas = []
    for hard in HARD:
        right = chance * np.cumsum(norm.pdf(cuts - AHEAD) * norm.cdf(cuts - hard)) * width
        envelope = np.maximum.accumulate((right / (found + false))[::-1])[::-1]
        places = np.searchsorted(right, np.linspace(0, 1, 101))
        areas.append(np.append(envelope, 0.0)[places].mean())
    return np.array(areas)


def true_recall(chance: float) -> float:
    """Return the share of boxes that are found, on average over the ten overlaps."""
    return float(found_of(chance) * norm.cdf((AHEAD - HARD) / 2**0.5).mean())


def _both(first: float, second: float) -> tuple[float, float]:
    return first, second


WORLDS = {
    "classes": World(
        of_classes,
        {
            "accuracy": _both(*(RECALLS @ CLASS_SHARES)),
            "balanced_accuracy": _both(*RECALLS.mean(1)),
            "worst_class": _both(*RECALLS.min(1)),
        },
    ),
    "decisions": World(
        of_decisions,
        {
            "recall": (0.9, 0.8),
            "precision": (0.18 / 0.2, 0.16 / 0.2),
            "f1": (2 * 0.18 / (0.2 + 0.2), 2 * 0.16 / (0.2 + 0.2)),
        },
    ),
    "scores": World(
        of_scores,
        {
            "auroc": _both(*norm.cdf(np.array(APART) / 2**0.5)),
            "average_precision": _both(*map(true_precision, APART)),
        },
    ),
    "labels": World(
        of_labels,
        {
            name: _both(*(truths(apart)[name] for apart in LABELS_APART))
            for truths in (true_areas, true_decisions)
            for name in truths(LABELS_APART[0])
        },
        {"class_index": ALL},
    ),
    "confidence": World(
        of_confidence,
        {
            "brier": _both(*map(true_brier, POWERS)),
            "ece": _both(*map(true_confidence_error, POWERS)),
        },
    ),
    "divergence": World(of_divergence, {"kl": (0.1, 0.2)}),
    "numbers": World(
        of_numbers,
        {
            "mae": _both(*((2 / np.pi) ** 0.5 * np.array([0.25, 0.34]) ** 0.5)),
            "mse": (0.25, 0.34),
            "r2": (0.75, 0.66),
        },
    ),
    "text": World(
        of_text,
        {
            "loss": (54.5 * 2, 54.5 * 2.2),
            "perplexity": (exp(2), exp(2.2)),
            "bits_per_byte": (2 / 4 / log(2), 2.2 / 4 / log(2)),
            "token_kl": (0.2, 0.22),
        },
    ),
    "choices": World(
        of_choices,
        dict.fromkeys(("choice_accuracy", "choice_accuracy_by_length"), (0.7, 0.6)),
    ),
    "boxes": World(
        of_boxes,
        {
            "map_50": _both(*(true_precisions(chance)[0] for chance in FOUND)),
            "map": _both(*(true_precisions(chance).mean() for chance in FOUND)),
            "box_recall": _both(*map(true_recall, FOUND)),
        },
        sizes=(30, 100),
    ),
    "places": World(
        of_places,
        dict.fromkeys(
            ("pixel_accuracy", "token_accuracy", "top5_token_accuracy", "token_agreement"),
            (0.8, 0.8 * 0.9),
        ),
    ),
    "masks": World(
        of_masks, {"mean_iou": (0.8, 0.8 * 0.9), "dice": (2 * 0.8 / 1.8, 2 * 0.72 / 1.72)}
    ),
}
