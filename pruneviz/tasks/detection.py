"""Detection: a box around each thing, and its class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from pruneviz.metrics.boxes import matched, of_sizes, overlaps
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
    number_of_each_row,
    reduced,
    shape_of,
)
from pruneviz.wording import Fact, RefusedError, misfits

PAIRS = 4_000_000  # of answered and true boxes that are compared at once
MOST = 100  # boxes that are kept of an input, those of the highest scores
TOLD_APART = 0.5  # the overlap from which a box of the same class is the same thing
EXPLAINED = 10
SCORE = "score"
Boxes = tuple[Tensor, Tensor, Tensor]  # of one input: corners (k, 4), scores (k,), classes (k,)
Decode = Callable[[Any], Iterable[Boxes]]
Objective = Callable[[Any, Tensor], Tensor]
BOXES = "boxes, labels and scores for each input"


@TASKS.register(
    name="detection",
    title="Detection",
    family="boxes",
    sentence="Things are found in each input: a box around each, its class and how sure it is.",
    formula="IoU = |answered ∩ true| / |answered ∪ true|",
    source="Lin et al. 2014, arXiv 1405.0312",
)
class Detection:
    """Outputs are lists of mappings with boxes, labels and scores, as torchvision's, or one map.

    Of a map, a tensor (N, …), `decode` gives the boxes of each input, with the scores' gradient,
    `objective` the loss (N,) beside targets, and `classes` says how many of these it knows, where
    that is told. All come from whoever knows the map, and without `objective` nothing can be
    trained or differentiated. Boxes are x1, y1, x2, y2 in pixels of the network's input. Targets
    are (N, most, 5) floating point: boxes, and the class of each last, `IGNORED` in rows that pad.
    """

    metrics = reported = ("map_50", "map", "box_recall")
    labelled = False
    usual = NO_SETTINGS

    def __init__(
        self,
        decode: Decode | None = None,
        objective: Objective | None = None,
        classes: int | None = None,
    ) -> None:
        self._decode, self._objective, self._classes = decode, objective, classes

    def scores(self, output: Any) -> Any:
        """Return the output: a map, or boxes of each input."""
        return output

    def misfit(self, output: Any, target: Tensor) -> Fact | None:
        """Return why an output holds no boxes or is no map, or why targets are no boxes."""
        if self._decode is None and not _is_listed(output):
            return misfits.answers_otherwise(shape_of(output), BOXES)
        if self._decode is not None and not (isinstance(output, Tensor) and output.ndim > 1):
            return misfits.answers_otherwise(shape_of(output), "one map for each input")
        if target.ndim != 3 or target.shape[2] != 5:
            wanted = "boxes with their classes, (boxes, 5)"
            return misfits.targets_otherwise(tuple(target.shape[1:]), wanted)
        rows = target[target[..., 4] != IGNORED]
        return _no_boxes(rows) or self._beyond(rows[:, 4])

    def _beyond(self, classes: Tensor) -> Fact | None:
        """Return why classes (k,) are none of those that the network knows."""
        if self._classes is None or not len(classes) or int(classes.max()) < self._classes:
            return None
        return misfits.labels_beyond_outputs(int(classes.min()), int(classes.max()), self._classes)

    def answers(self, output: Any, target: Tensor) -> Tensor:
        """Return the boxes of the 100 highest scores of each input, (N, 100, 6), float32.

        Corners, score and class, `IGNORED` in rows that pad; what is no number is no box.
        """
        del target
        return torch.stack([_padded(*boxes) for boxes in self.boxes(output)])

    def boxes(self, output: Any) -> list[Boxes]:
        """Return the boxes of each input of an output."""
        if self._decode is not None:
            return [*self._decode(output)]
        return [(each["boxes"], each["scores"], each["labels"]) for each in output]

    def loss(self, output: Any, target: Tensor, reduction: Reduction = "mean") -> Tensor:
        """Return what the objective gives; RefusedError where there is none."""
        if self._objective is None:
            raise RefusedError(misfits.no_objective())
        return reduced(self._objective(output, target), reduction)

    def unit(self, target: Tensor) -> float:
        """Return 1: the loss has no unit."""
        del target
        return 1.0

    def tally(self, answers: Answers, target: Tensor) -> Tally:
        """Return `scores`, `classes` and `hits`, what is answered, and which of it is right.

        And `true_classes`, `true_sizes` and `found`, what is there, and which of it is found.
        """
        assert isinstance(answers, Tensor)
        classes = answers[..., 5].long()
        size = max(1, PAIRS // max(1, classes.shape[1] * target.shape[1]))
        parts = zip(answers.split(size), classes.split(size), target.split(size), strict=True)
        each = [matched(boxes[..., :4], kinds, true) for boxes, kinds, true in parts]
        hits, found = (torch.cat(both) for both in zip(*each, strict=True))
        true = target[..., 4].long()
        return {
            "scores": answers[..., 4],
            "classes": classes,
            "hits": hits,
            "true_classes": true,
            "true_sizes": of_sizes(target[..., :4].double()) & (true >= 0)[..., None],
            "found": found,
        }

    def fault(self, tally: Tally) -> Tensor:
        """Return 1 less each input's average precision at an overlap of a half, in [0, 1].

        Boxes of all classes are ranked together by their scores, and it is the mean over the true
        boxes of the precision down to where each is found, 0 where it is not (Everingham et al.
        2010, without interpolation). Of an input without true boxes: the score of its surest box.
        """
        answered = tally["classes"] != IGNORED
        scores = tally["scores"].double().masked_fill(~answered, 0.0)
        right = (tally["hits"][..., 0] & answered).double()
        precision = right.cumsum(1) / answered.double().cumsum(1).clamp_min(1)
        there = (tally["true_classes"] >= 0).sum(1)
        found = (right * precision).sum(1) / there.clamp_min(1)
        return torch.where(there > 0, 1 - found, scores.amax(1))

    def distil(
        self, output: Any, teacher: Any, temperature: float = 1.0, reduction: Reduction = "mean",
        target: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the mean squared distance of the two maps.

        Of listed boxes it is that of the scores that both give to each of the boxes of either.
        """
        del target
        if isinstance(output, Tensor) and isinstance(teacher, Tensor):
            apart = (output / temperature - teacher / temperature).square()
            return reduced(apart.flatten(1).mean(1), reduction)
        pairs = zip(self.boxes(output), self.boxes(teacher), strict=True)
        each = torch.stack([_apart(mine, theirs) for mine, theirs in pairs])
        return reduced(each / temperature**2, reduction)

    def explained(
        self, output: Any, target: Tensor | None = None, within: Within = ()
    ) -> list[Explained]:
        """Return the scores of the 10 boxes of the highest scores, each by itself.

        And before them, where targets are given, the sum of those of the true boxes, and behind
        them the other true boxes of the first input: those that this output finds with lower
        scores, and those that it misses. A box's score in another output is that of the box there
        that is the same thing.
        """
        del within
        every = self.boxes(output)[0]
        kept = _padded(*every)[:EXPLAINED]
        kept = kept[kept[:, 5] != IGNORED].detach()
        found = self._each("box", kept)
        if target is None:
            return found
        there = target[0][target[0, :, 4] != IGNORED]
        score = _scores_of(there, every).detach()
        listed = _scores_of(there, (kept[:, :4], kept[:, 4], kept[:, 5])) > 0
        found += self._each("true box", there[(score > 0) & ~listed])
        found += self._each("missed box", there[score == 0])

        def true(out: Any) -> Tensor:
            boxes = self.boxes(out)
            pairs = zip(boxes, for_each(target, len(boxes)), strict=True)
            return torch.stack([_scores_of(y[y[:, 4] != IGNORED], each).sum() for each, y in pairs])

        return [Explained("true boxes", true, SCORE), *found]

    def strata(self, target: Tensor) -> Tensor:
        """Return a number for each set of classes of which there are boxes."""
        labels = target[..., 4]
        there = [(labels == label).any(1) for label in labels[labels != IGNORED].unique()]
        none = torch.zeros(len(target), dtype=torch.bool)
        return number_of_each_row(torch.stack([*there, none], 1))

    def _each(self, what: str, boxes: Tensor) -> list[Explained]:
        """Return the score of each of some boxes (k, 5 or 6), named with its number and class."""
        each = enumerate(zip(boxes, boxes[:, [0, 1, 2, 3, -1]].tolist(), strict=True))
        return [
            Explained(f"{what} {number}, class {int(label)}", self._scored(box[None]), SCORE,
                      int(label), tuple(corners))
            for number, (box, (*corners, label)) in each
        ]  # fmt: skip

    def _scored(self, box: Tensor) -> Callable[[Any], Tensor]:
        return lambda out: torch.stack([_scores_of(box, each).sum() for each in self.boxes(out)])


def _scores_of(wanted: Tensor, found: Boxes) -> Tensor:
    """Return the highest score among the boxes that are the same thing as each, (k, 5 or 6) → (k,).

    That is a box of its class, the last column, which overlaps it by half; 0 where none does.
    """
    boxes, scores, classes = found
    shared = overlaps(wanted[:, :4].to(boxes.dtype), boxes)  # (k, found)
    same = (shared >= TOLD_APART) & (wanted[:, -1:] == classes)
    nothing = scores.sum()[None, None] * 0  # with a gradient, where no box is found as well
    held = torch.where(same, scores[None], 0.0)
    return torch.cat([held, nothing.expand(len(held), 1)], 1).amax(1)


def _apart(mine: Boxes, theirs: Boxes) -> Tensor:
    """Return the mean squared distance of the scores that two give to each box of either."""
    wanted = torch.cat([_corners_and_class(mine), _corners_and_class(theirs)]).detach()
    apart = _scores_of(wanted, mine) - _scores_of(wanted, theirs)
    return apart.square().sum() / max(1, len(wanted))


def _corners_and_class(boxes: Boxes) -> Tensor:
    return torch.cat([boxes[0], boxes[2][:, None].to(boxes[0].dtype)], 1)


def _padded(boxes: Tensor, scores: Tensor, classes: Tensor) -> Tensor:
    """Return the boxes of the highest scores, those first, as rows (100, 6)."""
    rows = torch.cat([boxes, scores[:, None], classes[:, None].to(boxes.dtype)], 1).float()
    rows = rows[rows.isfinite().all(1)]
    rows = rows[rows[:, 4].argsort(descending=True, stable=True)][:MOST]
    padding = rows.new_zeros(MOST - len(rows), 6)
    padding[:, 5] = IGNORED
    return torch.cat([rows, padding])


def _is_listed(output: Any) -> bool:
    """Return whether an output is a list with boxes, labels and scores for each input."""
    kinds = ("boxes", "labels", "scores")
    return isinstance(output, list | tuple) and all(
        isinstance(each, dict) and all(isinstance(each.get(kind), Tensor) for kind in kinds)
        for each in output
    )


def _no_boxes(rows: Tensor) -> Fact | None:
    """Return why rows (k, 5) are not all a box and a class."""
    if not rows.isfinite().all():
        return misfits.targets_not_finite()
    classes = rows[:, 4]
    if (classes < 0).any() or (classes != classes.round()).any():
        return misfits.no_class_of_a_box(float(classes.min()))
    empty = int((rows[:, 2:4] <= rows[:, :2]).any(1).sum())
    return misfits.boxes_without_area(empty) if empty else None
