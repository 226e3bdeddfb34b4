"""The original's evaluator that all sessions share: it reuses what a change leaves as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property, partial

import torch
from torch import nn

from pruneviz.evaluate import taken
from pruneviz.measure.threads import computing_threads, usual_threads
from pruneviz.network.answers import logits_of
from pruneviz.network.inputs import Batch, some
from pruneviz.network.one_trace import ONE_TRACE
from pruneviz.reuse import Evaluator, Seen, seen
from pruneviz.reuse.order import batch_size_for
from pruneviz.run import Baseline
from pruneviz.subjects import Subject
from pruneviz.tasks import Answers
from pruneviz.ui.engine.background import Stop, Turns
from pruneviz.wording import Fact, RefusedError, passes
from pruneviz.wording.refusals import browsing

log = logging.getLogger(__name__)
# One batch is what a first answer takes at least, and what a newer move waits for at most.
BATCH_MACS = 5 * 10**9
FEWEST_INPUTS = 8
# Up to so many MACs a network is as quick with one thread, which waits for no other on a busy
# machine.
SMALL_MACS = 20 * 10**6
TURNS = Turns()


class Shared:
    """Answers of pruned networks on the held-out inputs, batch by batch, in a stratified order.

    Nothing is reused until `warm` has followed the original's passes, for which a first answer
    never waits: until then each batch is computed in full.
    """

    def __init__(self, subject: Subject, baseline: Baseline, budget_bytes: int) -> None:
        """Prepare; ValueError without data, or where the network cannot be copied."""
        data = subject.data
        if data is None or baseline.answers is None:
            raise RefusedError(browsing.accuracy_without_data())
        macs = sum(baseline.macs.values())
        size = batch_size(data.x, macs)
        self._threads = threads(macs)
        self._subject = subject
        self._new = partial(
            Evaluator, subject.model, data.x, data.y, size, budget_bytes, task=subject.task
        )
        self.parts = self.evaluator.parts
        self.total = len(data.x)
        self.is_warm = False
        self._x, self._y, self._original = data.x, data.y, baseline.answers
        self._followed = 0
        self._plain = self._forgotten = False

    @cached_property
    def evaluator(self) -> Evaluator:
        """Return what remembers the original's passes."""
        return self._new()

    @property
    def notes(self) -> tuple[Fact, ...]:
        """Return what the user must know of how accuracies are computed."""
        return tuple(
            passes.over_the_app_s_budget(note) if note in passes.over_budget else note
            for note in self.evaluator.notes
        )

    def answers(self, network: nn.Module, start: int, *, reuse: bool) -> Iterator[Answers]:
        """Yield a network's answers, such as logits (B, classes), on `parts` in turn from `start`.

        Without `reuse` each is computed in full, as is best where every weight changed.
        """
        if reuse and self.is_warm and not self._plain:
            yield from self._reusing(network, start)
            return
        task = self._subject.task
        for part in self.parts[start:]:
            with computing_threads(self._threads), torch.inference_mode():
                scores = task.scores(logits_of(network, some(self._x, part)))
                found = task.answers(scores, self._y[part])
            yield found

    def _reusing(self, network: nn.Module, start: int) -> Iterator[Answers]:
        reusing = self.evaluator.batches(network, start)
        for _ in self.parts[start:]:
            with ONE_TRACE, computing_threads(self._threads):
                found = next(reusing)
            yield found

    def count(self, part: int, answers: Answers) -> Seen:
        """Count a batch's answers beside the original's; ValueError where the shapes differ."""
        chosen, subject = self.parts[part], self._subject
        before = taken(self._original, chosen)
        return seen(subject.task, subject.metrics, chosen, before, answers, self._y[chosen])

    def warm(self, stop: Stop) -> None:
        """Follow the original's passes batch by batch, until all are known or `stop` says so."""
        while not (self.is_warm or stop() or self._forgotten):
            with TURNS.taken(urgent=False), ONE_TRACE, computing_threads(self._threads):
                self._step()

    def forget(self) -> None:
        """Free what was remembered: from now on each batch is computed in full."""
        with TURNS.taken(urgent=True):
            vars(self).pop("evaluator", None)
            self.is_warm, self._forgotten = False, True

    def _step(self) -> None:
        """Follow one pass more, unless another thread followed the last one or forgot them."""
        if self.is_warm or self._forgotten:
            return
        try:
            if not self._followed:
                self._plain = self.evaluator.why_plain is not None
            self.evaluator.original(self._followed)
        # Following a network runs any code of any user in a way it was not made for.
        except Exception as error:
            self._plain = True
            log.warning("nothing is reused of a network whose passes cannot be followed: %s", error)
        self._followed += 1
        self.is_warm = self._plain or self._followed == len(self.parts)


def threads(macs: int) -> int:
    """Return with how many threads a network of so many MACs is computed while somebody waits."""
    return 1 if macs <= SMALL_MACS else usual_threads()


def batch_size(x: Batch, macs: int) -> int:
    """Return how many inputs of `x`, (N, …), are evaluated together, by the MACs that one takes.

    A power of two, so that a batch is a fraction of a second of work for networks of any size.
    """
    fitting = BATCH_MACS // max(1, macs)
    power = 1 << max(1, fitting).bit_length() - 1
    return min(batch_size_for(x), max(FEWEST_INPUTS, power))
