"""What a network really loses: on inputs to choose by, and on the held-out ones that judge."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor, nn

from pruneviz.evaluate import answers, answers_and_losses
from pruneviz.measure.quality import quality
from pruneviz.metrics import Metric
from pruneviz.network.inputs import Batch
from pruneviz.report import MetricPair
from pruneviz.run import Prepared
from pruneviz.subjects import Data
from pruneviz.tasks import Answers
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

FEWEST = 50  # calibration inputs; with fewer, the held-out ones have to choose too


@dataclass(frozen=True, order=True)
class Lost:
    """How much worse a network is on some inputs, by the metric, and how large its loss is."""

    worse: float
    loss: float


@dataclass
class Judge:
    """Evaluates networks and counts how often.

    Candidates are compared on the calibration inputs, which have targets too and are disjoint from
    the held-out ones; those then judge what was chosen.
    """

    prepared: Prepared
    evaluations: int = 0
    _known: dict[int, Answers] = field(default_factory=dict)

    @cached_property
    def data(self) -> Data:
        """Return the data; ValueError where there is none."""
        data = self.prepared.subject.data
        if data is None:
            raise RefusedError(analysing.proposal_without_data(self.metric.noun))
        return data

    @property
    def metric(self) -> Metric:
        """Return what networks are judged by."""
        return self.prepared.subject.metrics[0]

    @cached_property
    def original(self) -> float:
        """Return the original's number on the held-out inputs."""
        task, data = self.prepared.subject.task, self.data
        return self.metric.combine(task.tally(self._original(data.x, data.y), data.y))

    @property
    def apart(self) -> bool:
        """Return whether there are inputs to choose by that do not judge."""
        return len(self.data.calibration_y) >= FEWEST

    @property
    def choosing(self) -> int:
        """Return how many inputs candidates are compared on."""
        return len(self.data.calibration_y) if self.apart else len(self.data.y)

    def compared(self, network: nn.Module) -> Lost:
        """Return what a network loses on the inputs to choose by."""
        if not self.apart:
            return self.judged(network)
        return self._lost(network, self.data.calibration_x, self.data.calibration_y)

    def judged(self, network: nn.Module) -> Lost:
        """Return what a network loses on the held-out inputs."""
        return self._lost(network, self.data.x, self.data.y)

    def _lost(self, network: nn.Module, x: Batch, y: Tensor) -> Lost:
        self.evaluations += 1
        task = self.prepared.subject.task
        found, losses = answers_and_losses(network, x, y, task)
        before, after = (task.tally(each, y) for each in (self._original(x, y), found))
        worse = -self.metric.gain(self.metric.paired(before, after)[0]) + 0.0
        loss = float(losses.mean())
        return Lost(*(each if each < math.inf else math.inf for each in (worse, loss)))

    def final(self, network: nn.Module) -> MetricPair:
        """Return the metric of both networks on the held-out inputs, with intervals."""
        self.evaluations += 1
        task, x, y = self.prepared.subject.task, self.data.x, self.data.y
        found = answers(network, x, y, task)
        return quality(task, (self.metric,), self._original(x, y), found, y)[0]

    def _original(self, x: Batch, y: Tensor) -> Answers:
        known = self.prepared.baseline.answers
        if x is self.data.x and known is not None:
            return known
        if id(x) not in self._known:
            subject = self.prepared.subject
            self._known[id(x)] = answers(subject.model, x, y, subject.task)
        return self._known[id(x)]
