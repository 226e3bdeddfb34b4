"""Tallies of made-up answers, with every column that a metric may ask for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, one_hot
from torchmetrics.detection import MeanAveragePrecision

from pruneviz.metrics.metric import Tally
from pruneviz.tasks import IGNORED
from pruneviz.tasks.detection import MOST, Detection

CLASSES = 4


def tally(seed: int = 0, samples: int = 83, classes: int = CLASSES, better: float = 1.5) -> Tally:
    """Return the answers of one of many networks to the same inputs; `better` is how good it is."""
    shared = torch.Generator().manual_seed(99)
    own = torch.Generator().manual_seed(seed)
    target = torch.randint(classes, (samples,), generator=shared)
    original = torch.randn(samples, classes, generator=shared)
    size = torch.randint(20, 90, (samples,), generator=shared)
    noise = torch.randn(samples, classes, generator=own)
    logits = noise + better * one_hot(target, classes)
    overlap = torch.randint(1, 40, (samples, classes), generator=own)
    beside = torch.randint(1, 30, (samples, classes), generator=own)
    before = original.log_softmax(1)
    return {
        "target": target,
        "logits": logits,
        "right": logits.argmax(1) == target,
        "nll": cross_entropy(logits.double(), target, reduction="none"),
        "kl": kl_div(logits.log_softmax(1), before, reduction="none", log_target=True).sum(1),
        "error": torch.randn(samples, generator=own) / (better + 2),
        "intersections": (overlap * (better + 2)).round(),
        "unions": (overlap * (better + 2)).round() + beside,
        "tokens": size,
        "bytes": size * 4,
        "pixels": size * 9,
        "correct": torch.minimum(size, (size * better / 4 + noise[:, 0]).round().clamp_min(0)),
        "among_five": torch.minimum(size, (size * better / 4 + noise[:, 1]).round().clamp_min(0)),
        "agreed": torch.minimum(size, (size * better / 4 + noise[:, 2]).round().clamp_min(0)),
        **of_choices(own, shared, samples, better),
        **of_boxes(own, shared, samples, classes, better),
    }


def of_choices(own: torch.Generator, shared: torch.Generator, samples: int, better: float) -> Tally:
    """Return what is counted of the choices of questions, two each; of the last one may lack."""
    choice = torch.arange(samples) % 2
    truth = (torch.rand(samples, generator=shared) < 0.5)[torch.arange(samples) // 2] == choice
    return {
        "question": torch.arange(samples) // 2 + 7,
        "choice": choice,
        "choices": torch.full((samples,), 2),
        "truth": truth,
        "characters": torch.randint(4, 40, (samples,), generator=shared),
        "likelihood": -9 + torch.randn(samples, generator=own).double() + better * truth,
    }


def of_boxes(
    own: torch.Generator, shared: torch.Generator, samples: int, classes: int, better: float
) -> Tally:
    """Return what is counted of boxes, and as `boxes` and `true_boxes` what it is counted of."""
    corners = 100 * torch.rand(samples, 5, 2, generator=shared)
    sides = 5 + 120 * torch.rand(samples, 5, 2, generator=shared) ** 2
    kinds = torch.randint(classes, (samples, 5), generator=shared)
    true = torch.cat([corners, corners + sides, kinds[..., None]], 2)
    true[torch.rand(samples, 5, generator=shared) < 0.3] = IGNORED
    boxes = torch.zeros(samples, MOST, 6)
    boxes[..., 5] = IGNORED
    moved = torch.randn(samples, 10, 4, generator=own) / (4 * better + 4)
    boxes[:, :10, :4] = torch.cat([corners, corners + sides], 2).repeat(1, 2, 1)
    boxes[:, :10, :4] += moved * sides.repeat(1, 2, 2)
    boxes[:, :10, 4] = torch.rand(samples, 10, generator=own).sort(1, descending=True).values
    wrong = torch.rand(samples, 10, generator=own) < 1 / (better + 2)
    others = torch.randint(classes, (samples, 10), generator=own)
    boxes[:, :10, 5] = torch.where(wrong, others, kinds.repeat(1, 2)).float()
    return {"boxes": boxes, "true_boxes": true, **Detection().tally(boxes, true)}


def judged_as_coco(boxes: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Return what torchmetrics says of boxes (N, …, 6) beside true ones (N, …, 5)."""
    metric = MeanAveragePrecision(backend="faster_coco_eval", class_metrics=True)
    answers = [each[each[:, 5] >= 0] for each in boxes]
    truth = [each[each[:, 4] >= 0] for each in true]
    metric.update(
        [{"boxes": b[:, :4], "scores": b[:, 4], "labels": b[:, 5].long()} for b in answers],
        [{"boxes": b[:, :4], "labels": b[:, 4].long()} for b in truth],
    )
    return metric.compute()
