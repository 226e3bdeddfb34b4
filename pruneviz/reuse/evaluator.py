"""An evaluator that does not repeat itself: what a change leaves as it was is not computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from pruneviz.evaluate import at_once, joined, taken
from pruneviz.network.duplicate import duplicate
from pruneviz.network.inputs import Batch
from pruneviz.network.steady import draws, watching
from pruneviz.reuse.following import States
from pruneviz.reuse.order import batch_size_for, kept_together, stratified
from pruneviz.reuse.passes import Passes, kernel_settings
from pruneviz.reuse.reusing import Reusing
from pruneviz.reuse.store import Store
from pruneviz.reuse.trace import Trace, Values
from pruneviz.tasks import CLASSIFICATION, Answers, Task
from pruneviz.tasks.task import Together
from pruneviz.wording import Fact, RefusedError, passes
from pruneviz.wording.refusals import cutting

BUDGET_BYTES = 256 * 2**20
HELD = 4  # times the scores of a batch, while a pass is followed and looked at once more


class Evaluator:
    """Answers of networks that are changed a little, on the same inputs, batch by batch.

    `x` (N, …) is looked at in a fixed order, with targets `y` (N, …) one in which each first part
    has the shares of the task's strata; answers are what the task keeps of outputs. A network that
    is given has other weights than `model`, or is cut from it. Its own code runs each time; an
    operator whose arguments are all as they were in the original's pass is not computed, and what
    changed operators read of such values is kept, `budget_bytes` of it at most, or computed anew.
    Answers are those of a plain pass over the same batches, bit for bit. The model and the inputs
    are never written to.
    """

    def __init__(
        self,
        model: nn.Module,
        x: Batch,
        y: Tensor | None = None,
        batch_size: int | None = None,
        budget_bytes: int = BUDGET_BYTES,
        order: Tensor | None = None,
        task: Task = CLASSIFICATION,
    ) -> None:
        """Prepare; nothing is computed yet but one text. `order` (N,) is another order of inputs.

        Of texts no more are looked at together than their logits fit. ValueError without inputs or
        for a size below 1.
        """
        size = batch_size_for(x) if batch_size is None else batch_size
        if not len(x):
            raise RefusedError(cutting.no_inputs())
        if size < 1 or budget_bytes < 0:
            raise RefusedError(cutting.no_batch(size, budget_bytes))
        if y is not None and len(y) != len(x):
            raise RefusedError(cutting.labels_for_others(len(x), len(y)))
        self.x, self.y, self.task = x, y, task
        strata = None if y is None else task.strata(y)
        if order is None:
            order = stratified(strata, len(x))
            if y is not None and isinstance(task, Together):
                order = kept_together(order, task.together(y))
        self.order = order
        self.model = duplicate(model)
        self.parts = self.order.split(max(1, at_once(self.model, x, task, HELD * size) // HELD))
        self.passes = Passes(self.model, x, self.parts, task)
        self.store = Store(budget_bytes)
        self.fell_back = 0  # passes that reused nothing after all
        self.computed = 0  # operators, in all passes that reuse
        self._originals: dict[int, Answers] = {}
        self._why: Fact | None = None
        self._many_scores = False  # more than the budget holds
        self._settings: object = None
        self._frontiers: dict[tuple[int, frozenset[str]], frozenset[int]] = {}

    @property
    def why_plain(self) -> Fact | None:
        """Return why nothing can be reused of this network, None where it can."""
        self._make_ready()
        return self._why

    @property
    def notes(self) -> tuple[Fact, ...]:
        """Return what the user must know of how it was computed."""
        found = [] if self._why is None else [passes.nothing_reused(self._why)]
        if self.store.refused:
            found.append(passes.over_budget(self.store.budget_bytes / 2**20))
        if self.fell_back:
            found.append(passes.reused_nothing(self.fell_back))
        return tuple(found)

    def original(self, part: int) -> Answers:
        """Return the original's answers to one batch, such as logits (B, classes)."""
        self._make_ready()
        if part not in self._originals:
            with watching() as drew:
                if self._why is None:
                    scores, _ = self.passes.record(part)
                    if self._many_scores:
                        self.passes.traces[part].logits = None
                    if drew() and self._draws(part):
                        self._give_up(passes.drawn())
                if self._why is not None:
                    scores = self.passes.plain(self.model, part)
            self._originals[part] = self._kept(scores, part)
        return self._originals[part]

    def _kept(self, scores: Tensor, part: int) -> Answers:
        """Return what the task keeps of the scores on one batch."""
        if self.y is None:
            return scores
        with torch.inference_mode():
            return self.task.answers(scores, self.y[self.parts[part]])

    def trace(self, part: int) -> Trace | None:
        """Return what the original's pass over one batch computes, None where it is not known."""
        self.original(part)
        return self.passes.traces.get(part)

    def original_answers(self) -> Answers:
        """Return the original's answers to all inputs, in the order of `x`."""
        return self._in_order([self.original(part) for part in range(len(self.parts))])

    def answers(self, network: nn.Module) -> Answers:
        """Return a network's answers to all inputs, in the order of `x`."""
        return self._in_order(list(self.batches(network)))

    def batches(self, network: nn.Module, start: int = 0) -> Iterator[Answers]:
        """Yield a network's answers batch by batch, on `parts` from `start` on."""
        prepared = self._prepared(network)
        for part in range(start, len(self.parts)):
            yield self._kept(self._scores(network, part, prepared), part)

    def holds(self, network: nn.Module) -> bool:
        """Whether the budget has room for what a network's passes reuse, of all batches."""
        prepared = self._prepared(network)
        if prepared is None:
            return True  # nothing is kept
        traces = [self.trace(part) for part in range(len(self.parts))]
        reused = (t.nbytes(t.frontier(prepared[0])) for t in traces if t is not None)
        return sum(reused) <= self.store.budget_bytes

    def answers_of(self, networks: Sequence[nn.Module]) -> list[Answers]:
        """Return several networks' answers: one batch of all, then the next.

        Where the same tensors changed in all, the budget need hold what one batch reuses.
        """
        prepared = [self._prepared(network) for network in networks]
        found = [
            [
                self._kept(self._scores(n, part, known, alone=True), part)
                for n, known in zip(networks, prepared, strict=True)
            ]
            for part in range(len(self.parts))
        ]
        return [self._in_order(list(parts)) for parts in zip(*found, strict=True)]

    def _prepared(self, network: nn.Module) -> tuple[frozenset[str], States] | None:
        """Return what changed in a network and what is known of it, None for plain passes."""
        self._make_ready()
        if self._why is not None:
            return None
        changed = self.passes.changed(network)
        return changed, self.passes.known(network, changed)

    def _scores(
        self,
        network: nn.Module,
        part: int,
        prepared: tuple[frozenset[str], States] | None,
        alone: bool = False,
    ) -> Tensor:
        if prepared is None:
            return self.passes.plain(network, part)
        self.original(part)
        if self._why is not None:  # it was seen only now
            return self.passes.plain(network, part)
        return self._reuse(network, part, *prepared, alone)

    def _in_order(self, parts: list[Answers]) -> Answers:
        return taken(joined(parts), torch.argsort(self.order))

    def _make_ready(self) -> None:
        """Look at the network once, on the smallest batch: can its passes be followed?"""
        settings = kernel_settings()
        if settings == self._settings:
            return
        self._settings, self._why = settings, None
        self.passes.traces.clear()
        self._originals.clear()
        self._frontiers.clear()
        self.store = Store(self.store.budget_bytes)
        part = len(self.parts) - 1
        with watching() as drew:
            scores, writes_own = self.passes.record(part)
            drawn = drew()
        kept = self._originals[part] = self._kept(scores, part)
        if writes_own:
            self._why = passes.writes_itself()
        elif self._draws(part):
            self._why = passes.drawn()
        elif not self._repeats(part):
            self._why = passes.draws_in_vain() if drawn else passes.reads_past()
        # what the task keeps a part of is computed again where somebody asks for the whole of it
        self._many_scores = kept is not scores and not self._fit(scores)
        if self._many_scores:
            self.passes.traces[part].logits = None
        if self._why is not None:
            self.passes.traces.clear()

    def _fit(self, scores: Tensor) -> bool:
        """Whether the budget holds the scores on all inputs, by those on some."""
        return scores.nbytes * len(self.x) // len(scores) <= self.store.budget_bytes

    def _draws(self, part: int) -> bool:
        """Whether the original's answers to a batch are drawn at random."""
        return draws(lambda: self.passes.plain(self.model, part))

    def _give_up(self, why: Fact) -> None:
        """Compute each pass in full from now on."""
        self._why = why
        self.passes.traces.clear()

    def _repeats(self, part: int) -> bool:
        """Whether a pass that computes nothing comes to the same answer, whatever memory holds."""
        trace = self.passes.traces[part]
        known = self.passes.known(self.model, frozenset())
        mode = Reusing(trace, known, self.passes.fetching(part, {}, {}), poison=True)
        try:
            out = self.passes.run(self.model, part, mode)
        # Any code of any user may fail on memory that holds no values: then it reads it.
        except Exception:
            return False
        return mode.computed == 0 and out is trace.logits

    def _reuse(
        self, network: nn.Module, part: int, changed: frozenset[str], known: States, alone: bool
    ) -> Tensor:
        values = self._needed(part, changed, alone)
        fetch = self.passes.fetching(part, values, self.store.of(part))
        mode = Reusing(self.passes.traces[part], known, fetch)
        try:
            logits = self.passes.run(network, part, mode)
        # Any code of any user may fail on memory that holds no values, and then runs plainly; what
        # fails for another reason fails there again.
        except Exception:
            logits = self.passes.plain(network, part)
            self.fell_back += 1
        self.computed += mode.computed + mode.followed
        return logits

    def _needed(self, part: int, changed: frozenset[str], alone: bool) -> Values:
        """Return the values that a change reads and leaves as they are, kept or computed."""
        trace, kept = self.passes.traces[part], self.store.of(part)
        if (part, changed) not in self._frontiers:
            self._frontiers = {k: v for k, v in self._frontiers.items() if k[1] == changed}
            self._frontiers[part, changed] = trace.frontier(changed)
        frontier = self._frontiers[part, changed]
        if frontier <= kept.keys():
            return {record: kept[record] for record in frontier}
        with torch.inference_mode():
            values = trace.values(frontier, kept, self.passes.given(part))
        self.store.replace(part, values, alone)
        return values
