"""By what the networks of a scan are judged: by their labels, and by the subject's metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import Tensor

from pruneviz.measure.by_group import Group, members
from pruneviz.measure.quality import ACCURACY, label_logits
from pruneviz.metrics import Metric
from pruneviz.sensitivity import groups as of_groups
from pruneviz.sensitivity.metrics import point_metric
from pruneviz.sensitivity.points import ORIGINAL, Point, measured, unmeasured
from pruneviz.subjects.subject import Groups
from pruneviz.tasks import CLASSIFICATION, Answers, Tally, Task


@dataclass(frozen=True, eq=False)
class Judge:
    """What is measured of each network's answers to the same N inputs, against the original's.

    `original` are that one's answers, `y` (N, …) the targets. Where inputs have one label each,
    every number that labels allow is measured, and beside them those of `metrics`, the subject's;
    of another task these alone. A class without a name in `classes` is called by its number. Of
    `groups` of inputs the one that loses most of the first metric is found in the same answers.
    """

    original: Answers
    y: Tensor
    classes: Sequence[str] = ()
    task: Task = CLASSIFICATION
    metrics: tuple[Metric, ...] = (ACCURACY,)
    groups: Groups = field(default_factory=dict)

    @cached_property
    def _before(self) -> Tally:
        return self.task.tally(self.original, self.y)

    @cached_property
    def _members(self) -> dict[Group, Tensor]:
        return members(self.groups)

    def point(self, layer: str, sparsity: float, answers: Answers) -> Point:
        """Return the point of a network that answers so."""
        if self.task.labelled:
            both = label_logits(answers), label_logits(self.original)
            found = measured(layer, sparsity, *both, self.y, self.classes, self.task)
            chosen = [metric for metric in self.metrics if metric.name != ACCURACY.name]
        else:
            found, chosen = unmeasured(layer, sparsity, len(self.y)), list(self.metrics)
        if not chosen and not self._members:
            return found
        after = self.task.tally(answers, self.y)
        others = *self._numbers(chosen, after), *self._worst_group(after)
        return replace(found, others=others)

    def _worst_group(self, after: Tally) -> of_groups.Numbers:
        """Return the group that loses most, nothing without groups."""
        if not self._members:
            return ()
        return of_groups.in_columns(self.metrics[0], self._before, after, self._members)

    def _numbers(self, chosen: Iterable[Metric], after: Tally) -> Iterable[tuple[str, float]]:
        """Yield each metric's value, change and their intervals, as a report has them."""
        for metric in chosen:
            change, apart = metric.paired(self._before, after)
            numbers = (metric.combine(after), *metric.interval(after), change, *apart)
            yield from zip(point_metric(metric).columns, numbers, strict=True)

    @property
    def baseline(self) -> Point:
        """Return the point that all are compared with: the original's, at sparsity 0."""
        return self.point(ORIGINAL, 0.0, self.original)
