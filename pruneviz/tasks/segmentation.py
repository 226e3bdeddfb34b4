"""Segmentation: one label a pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from pruneviz.tasks.classification import predicted
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
    number_of_each_row,
    reduced,
    shape_of,
    within_outputs,
)
from pruneviz.wording import Fact, RefusedError, misfits
from pruneviz.wording.refusals import explaining

NOUN = "mean logit"


@TASKS.register(
    name="segmentation",
    title="Segmentation",
    family="labels",
    sentence="Each pixel is of one class; the network gives a logit for each pixel and class.",
    formula="L = −1/P Σₚ log softmax(zₚ)_yₚ over the labelled pixels p",
    source="Long et al. 2015, arXiv 1411.4038",
)
class Segmentation:
    """Outputs are logits (N, classes, H, W), or a mapping with them as `out`, as torchvision's.

    Targets are int64 (N, H, W); pixels labelled `IGNORED` are not judged.
    """

    metrics: tuple[str, ...] = ("mean_iou", "dice", "pixel_accuracy")
    reported: tuple[str, ...] = ("mean_iou", "dice")
    labelled = False
    usual = NO_SETTINGS

    def logits(self, output: Any) -> Any:
        """Return an output's logits, (N, classes, H, W)."""
        return output["out"] if isinstance(output, Mapping) else output

    def scores(self, output: Any) -> Any:
        """Return the logits, (N, classes, H, W)."""
        return self.logits(output)

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output is not (N, classes, H, W), or masks are not (N, H, W) of these."""
        logits = self.logits(output)
        if not isinstance(logits, Tensor) or logits.ndim != 4 or logits.is_complex():
            return misfits.answers_otherwise(shape_of(logits), "(inputs, classes, height, width)")
        if target.shape[1:] != logits.shape[2:]:
            wanted = f"one label for each of {logits.shape[2]} × {logits.shape[3]} pixels"
            return misfits.targets_otherwise(tuple(target.shape[1:]), wanted)
        return within_outputs(target[target != IGNORED], logits.shape[1])

    def answers(self, output: Any, target: Tensor) -> Answers:
        """Return `map` (N, H, W), each pixel's class, -1 where a logit is not a number.

        And over the labelled pixels: `intersections`, `answered` and `labelled`, (N, classes) each,
        how many are of a class and answered so, are answered so, and are of it; `loss`, (N,), the
        mean, float64.
        """
        logits: Tensor = self.logits(output)
        classes, found, judged = logits.shape[1], predicted(logits), target != IGNORED

        def counted(which: Tensor, labels: Tensor) -> Tensor:
            firsts = classes * torch.arange(len(labels), device=labels.device)
            firsts = firsts.view(-1, *[1] * (labels.ndim - 1))
            places = (firsts + labels)[which]  # an input and a class each
            return places.bincount(minlength=classes * len(labels)).view(-1, classes)

        return {
            "map": found.to(torch.int16),
            "intersections": counted(judged & (found == target), target),
            "answered": counted(judged & (found >= 0), found),
            "labelled": counted(judged, target),
            "loss": _cross_entropy(logits.double(), target),
        }

    def loss(self, output: Any, target: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return the mean over an input's labelled pixels of the cross-entropy; 0 without any."""
        return reduced(_cross_entropy(self.logits(output), target), reduction)

    def unit(self, target: Tensor) -> float:
        """Return 1: the loss has no unit."""
        del target
        return 1.0

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return `intersections` and `unions`, (N, classes), and `pixels`, the labelled, (N,).

        And of these pixels `correct`, how many are answered right, and `nll`, their sum, (N,).
        """
        del target
        assert isinstance(answers, Mapping)
        both, pixels = answers["intersections"], answers["labelled"].sum(1)
        return {
            "intersections": both,
            "unions": answers["answered"] + answers["labelled"] - both,
            "pixels": pixels,
            "correct": both.sum(1),
            "nll": answers["loss"] * pixels,
        }

    def fault(self, tally: Tally) -> Tensor:
        """Return the mean negative log-likelihood of the labelled pixels, in nats."""
        return tally["nll"] / tally["pixels"].clamp_min(1)

    def distil(
        self, output: Any, teacher: Any, temperature: float = 1.0, reduction: Reduction = "mean",
        target: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the mean over pixels of KL(teacher ‖ output) of the probabilities, in nats."""
        found, wanted = (
            log_softmax(self.logits(each) / temperature, 1) for each in (output, teacher)
        )
        each = kl_div(found, wanted, reduction="none", log_target=True).sum(1)  # (N, H, W)
        return reduced(mean_of_judged(each, target), reduction)

    def explained(
        self, output: Any, target: Tensor | None = None, within: Within = ()
    ) -> list[Explained]:
        """Return of each class its mean logit over the pixels `within`.

        Without these it is over the pixels that this output gives the class. And before them, where
        masks are given, the mean logit of the labelled pixels' own classes.
        """
        logits = self.logits(output)
        found, chosen = predicted(logits), _chosen(within, logits) if within else None
        classes = [
            Explained(
                f"class {number}",
                self._mean_logit(number, (found == number) if chosen is None else chosen),
                NOUN,
                number,
            )
            for number in range(logits.shape[1])
        ]
        if target is None:
            return classes

        def own(out: Any) -> Tensor:
            logits = self.logits(out)
            wanted = for_each(target, len(logits))  # (B, H, W)
            chosen = logits.gather(1, wanted.clamp_min(0)[:, None])[:, 0]
            return mean_of_judged(chosen, wanted)

        return [Explained("labels", own, NOUN), *classes]

    def strata(self, target: Tensor) -> Tensor:
        """Return a number for each set of classes that a mask shows."""
        flat = target.flatten(1)
        labels = [label for label in flat.unique().tolist() if label != IGNORED]
        shown = [(flat == label).any(1) for label in labels]
        none = torch.zeros(len(flat), dtype=torch.bool)
        return number_of_each_row(torch.stack([*shown, none], 1))

    def _mean_logit(self, number: int, where: Tensor) -> Callable[[Any], Tensor]:
        """Return what gives a class's mean logit over places (B, …); 0 where there are none."""

        def mean(output: Any) -> Tensor:
            logits: Tensor = self.logits(output)[:, number]  # (B, …)
            return (logits * where).flatten(1).sum(1) / where.flatten(1).sum(1).clamp_min(1)

        return mean


def _chosen(within: Within, logits: Tensor) -> Tensor:
    """Return which places of logits (N, classes, …) lie within, (1, …) bool."""
    sizes = tuple(logits.shape[2:])
    fits = len(within) == len(sizes) and all(
        0 <= first < end <= size for (first, end), size in zip(within, sizes, strict=True)
    )
    if not fits:
        raise RefusedError(explaining.no_places(within, sizes))
    chosen = torch.zeros(1, *sizes, dtype=torch.bool, device=logits.device)
    chosen[(slice(None), *(slice(*ends) for ends in within))] = True
    return chosen


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean over an input's labelled places, (N, classes, …) → (N,); 0 without any."""
    each = cross_entropy(logits, target.long(), ignore_index=IGNORED, reduction="none")
    return mean_of_judged(each, target)
