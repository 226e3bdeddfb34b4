"""What a network really loses: on inputs to choose by, and on the held-out ones that judge."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor, nn

from pruneviz.evaluate import predict
from pruneviz.measure.quality import accuracy_pair, label_logits
from pruneviz.report import MetricPair
from pruneviz.run import Prepared
from pruneviz.subjects import Data
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import analysing

FEWEST = 50  # calibration inputs; with fewer, the held-out ones have to choose too


@dataclass(frozen=True, order=True)
class Lost:
    """What a network loses on some inputs: of accuracy, a fraction, and how large its loss is."""

    accuracy: float
    loss: float


@dataclass
class Judge:
    """Evaluates networks and counts how often.

    Candidates are compared on the calibration inputs, which have labels too and are disjoint from
    the held-out ones; those then judge what was chosen.
    """

    prepared: Prepared
    evaluations: int = 0
    _known: dict[int, Tensor] = field(default_factory=dict)

    @cached_property
    def data(self) -> Data:
        """Return the data; ValueError where there is none."""
        data = self.prepared.subject.data
        if data is None:
            raise RefusedError(analysing.proposal_without_data())
        return data

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

    def _lost(self, network: nn.Module, x: Tensor, y: Tensor) -> Lost:
        self.evaluations += 1
        logits = predict(network, x)
        found = accuracy_pair(self._original(x), logits, y)
        loss = float(self.prepared.subject.task.loss(logits.double(), y))
        return Lost(-found.change + 0.0, loss if math.isfinite(loss) else math.inf)

    def final(self, network: nn.Module) -> MetricPair:
        """Return both accuracies on the held-out inputs, with intervals."""
        self.evaluations += 1
        return accuracy_pair(
            self._original(self.data.x), predict(network, self.data.x), self.data.y
        )

    def _original(self, x: Tensor) -> Tensor:
        logits = self.prepared.baseline.answers
        if x is self.data.x and logits is not None:
            return label_logits(logits)
        if id(x) not in self._known:
            self._known[id(x)] = predict(self.prepared.subject.model, x)
        return self._known[id(x)]
