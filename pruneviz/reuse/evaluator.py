"""An evaluator that does not repeat itself: what a change leaves as it was is not computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, UntypedStorage, nn

from pruneviz.network.answers import logits_of
from pruneviz.network.duplicate import duplicate
from pruneviz.network.one_trace import ONE_TRACE
from pruneviz.network.steady import draws, watching
from pruneviz.reuse.calls import place_of
from pruneviz.reuse.modes import Recording, Replaying, States, states_of
from pruneviz.reuse.order import batch_size_for, stratified
from pruneviz.reuse.store import Store
from pruneviz.reuse.tensors import same, tensors_of
from pruneviz.reuse.trace import INPUT, Ref, Trace, Values
from pruneviz.wording import Fact, passes

BUDGET_BYTES = 256 * 2**20


class Evaluator:
    """Answers of networks that are changed a little, on the same inputs, batch by batch.

    `x` (N, …) is looked at in a fixed order, with labels `y` (N,) a stratified one. A network that
    is given has other weights than `model`, or is cut from it. Its own code runs each time; an
    operator whose arguments are all as they were in the original's pass is not computed, and what
    changed operators read of such values is kept, `budget_bytes` of it at most, or computed anew.
    Logits are those of a plain pass over the same batches, bit for bit. The model and the inputs
    are never written to.
    """

    def __init__(
        self,
        model: nn.Module,
        x: Tensor,
        y: Tensor | None = None,
        batch_size: int | None = None,
        budget_bytes: int = BUDGET_BYTES,
        order: Tensor | None = None,
    ) -> None:
        """Prepare; nothing is computed yet. `order` (N,) is another order of the inputs.

        ValueError without inputs or for a size below 1.
        """
        size = batch_size_for(x) if batch_size is None else batch_size
        if not len(x):
            raise ValueError("there is no input to evaluate a network on: give at least one")
        if size < 1 or budget_bytes < 0:
            raise ValueError(
                f"a batch needs at least 1 input and a budget at least 0 bytes, got {size} and "
                f"{budget_bytes}"
            )
        if y is not None and len(y) != len(x):
            raise ValueError(f"there are {len(x)} inputs and {len(y)} labels: give one for each")
        self.model = duplicate(model)
        self._tensors = tensors_of(self.model)
        self.x, self.y = x, y
        self.order = stratified(y, len(x)) if order is None else order
        self.parts = self.order.split(size)
        self.store = Store(budget_bytes)
        self.fell_back = 0  # passes that could not be replayed
        self.computed = 0  # operators, in all passes replayed
        self._traces: dict[int, Trace] = {}
        self._logits: dict[int, Tensor] = {}
        self._why: Fact | None = None
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
            found.append(passes.not_replayed(self.fell_back))
        return tuple(found)

    def original(self, part: int) -> Tensor:
        """Return the original's logits on one batch, (B, classes)."""
        self._make_ready()
        if part not in self._logits:
            with watching() as drew:
                if self._why is None:
                    self._record(part)
                    if drew() and self._draws(part):
                        self._give_up(passes.drawn())
                if self._why is not None:
                    self._logits[part] = self._plain(self.model, part)
        return self._logits[part]

    def trace(self, part: int) -> Trace | None:
        """Return what the original's pass over one batch computes, None where it is not known."""
        self.original(part)
        return self._traces.get(part)

    def original_logits(self) -> Tensor:
        """Return the original's logits on all inputs, (N, classes), in the order of `x`."""
        return self._in_order([self.original(part) for part in range(len(self.parts))])

    def logits(self, network: nn.Module) -> Tensor:
        """Return a network's logits on all inputs, (N, classes), in the order of `x`."""
        return self._in_order(list(self.batches(network)))

    def batches(self, network: nn.Module, start: int = 0) -> Iterator[Tensor]:
        """Yield a network's logits batch by batch, (B, classes), on `parts` from `start` on."""
        prepared = self._prepared(network)
        for part in range(start, len(self.parts)):
            yield self._answer(network, part, prepared)

    def holds(self, network: nn.Module) -> bool:
        """Whether the budget has room for what a network's passes reuse, of all batches."""
        prepared = self._prepared(network)
        if prepared is None:
            return True  # nothing is kept
        traces = [self.trace(part) for part in range(len(self.parts))]
        reused = (t.nbytes(t.frontier(prepared[0])) for t in traces if t is not None)
        return sum(reused) <= self.store.budget_bytes

    def logits_of(self, networks: Sequence[nn.Module]) -> list[Tensor]:
        """Return several networks' logits, (N, classes) each: one batch of all, then the next.

        Where the same tensors changed in all, the budget need hold what one batch reuses.
        """
        prepared = [self._prepared(network) for network in networks]
        found = [
            [
                self._answer(n, part, known, alone=True)
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
        changed = self._changed(network)
        return changed, self._known(network, changed)

    def _answer(
        self,
        network: nn.Module,
        part: int,
        prepared: tuple[frozenset[str], States] | None,
        alone: bool = False,
    ) -> Tensor:
        if prepared is None:
            return self._plain(network, part)
        self.original(part)
        if self._why is not None:  # it was seen only now
            return self._plain(network, part)
        return self._replay(network, part, *prepared, alone)

    def _in_order(self, parts: list[Tensor]) -> Tensor:
        logits = torch.cat(parts)
        return torch.empty_like(logits).index_copy_(0, self.order, logits)

    def _batch(self, part: int) -> Tensor:
        return self.x[self.parts[part]]

    def _plain(self, network: nn.Module, part: int) -> Tensor:
        with torch.inference_mode():
            return _checked(logits_of(network, self._batch(part)), len(self.parts[part]))

    def _make_ready(self) -> None:
        """Look at the network once, on the smallest batch: can its passes be followed?"""
        settings = _settings()
        if settings == self._settings:
            return
        self._settings, self._why = settings, None
        self._traces.clear()
        self._logits.clear()
        self._frontiers.clear()
        self.store = Store(self.store.budget_bytes)
        part = len(self.parts) - 1
        with watching() as drew:
            writes_own, drawn = self._record(part), drew()
        if writes_own:
            self._why = passes.writes_itself()
        elif self._draws(part):
            self._why = passes.drawn()
        elif not self._repeats(part):
            self._why = passes.draws_in_vain() if drawn else passes.reads_past()
        if self._why is not None:
            self._traces.clear()

    def _draws(self, part: int) -> bool:
        """Whether the original's answers to a batch are drawn at random."""
        return draws(lambda: self._plain(self.model, part))

    def _give_up(self, why: Fact) -> None:
        """Compute each pass in full from now on."""
        self._why = why
        self._traces.clear()

    def _record(self, part: int) -> bool:
        """Follow the original's pass over a batch; return whether it writes to its own tensors."""
        with ONE_TRACE, torch.inference_mode():
            batch = self._batch(part)
            trace = Trace(place_of(batch))
            mode = Recording(trace)
            mode.know(batch, INPUT)
            records: dict[int, int] = {}
            for name, tensor in self._tensors:
                address = tensor.untyped_storage()._cdata
                if address not in records:
                    records[address] = trace.new_record()
                trace.own[name] = records[address]
                mode.know(tensor, records[address], own=True)
            with mode:
                out = _checked(logits_of(self.model, batch), len(batch))
            state = mode.state(out)
            trace.logits = out.clone()
            if state is not None:
                trace.answer = Ref(state.record, place_of(out))
        self._traces[part], self._logits[part] = trace, trace.logits
        return mode.writes_own

    def _repeats(self, part: int) -> bool:
        """Whether a pass that computes nothing comes to the same answer, whatever memory holds."""
        trace = self._traces[part]
        known = self._known(self.model, frozenset())
        mode = Replaying(trace, known, self._fetching(part, {}), poison=True)
        try:
            out = self._run(self.model, part, mode)
        # Any code of any user may fail on memory that holds no values: then it reads it.
        except Exception:
            return False
        return mode.computed == 0 and out is trace.logits

    def _changed(self, network: nn.Module) -> frozenset[str]:
        """Return the names of the original's tensors that a network lacks or has others for."""
        theirs = dict(tensors_of(network))
        return frozenset(
            name
            for name, tensor in self._tensors
            if name not in theirs or not same(tensor, theirs[name])
        )

    def _known(self, network: nn.Module, changed: frozenset[str]) -> States:
        """Return what is known of a network's tensors: those that are the original's."""
        own = self._traces[len(self.parts) - 1].own  # the same in each trace
        return states_of(
            (tensor, own[name])
            for name, tensor in tensors_of(network)
            if name in own and name not in changed
        )

    def _replay(
        self, network: nn.Module, part: int, changed: frozenset[str], known: States, alone: bool
    ) -> Tensor:
        values = self._needed(part, changed, alone)
        mode = Replaying(self._traces[part], known, self._fetching(part, values))
        try:
            logits = self._run(network, part, mode)
        # Any code of any user may fail on memory that holds no values, and then runs plainly; what
        # fails for another reason fails there again.
        except Exception:
            logits = self._plain(network, part)
            self.fell_back += 1
        self.computed += mode.computed + mode.followed
        return logits

    def _run(self, network: nn.Module, part: int, mode: Replaying) -> Tensor:
        """Return a network's logits on one batch, computing what `mode` does not know."""
        with ONE_TRACE, torch.inference_mode():
            batch = mode.stand_in(Ref(INPUT, self._traces[part].place), self.x.device)
            with mode:
                out = _checked(logits_of(network, batch), len(self.parts[part]))
            logits = mode.value(out)
            del batch, out
            mode.settle()
        return logits

    def _needed(self, part: int, changed: frozenset[str], alone: bool) -> Values:
        """Return the values that a change reads and leaves as they are, kept or computed."""
        trace, kept = self._traces[part], self.store.of(part)
        if (part, changed) not in self._frontiers:
            self._frontiers = {k: v for k, v in self._frontiers.items() if k[1] == changed}
            self._frontiers[part, changed] = trace.frontier(changed)
        frontier = self._frontiers[part, changed]
        if frontier <= kept.keys():
            return {record: kept[record] for record in frontier}
        with torch.inference_mode():
            values = trace.values(frontier, kept, self.given(part))
        self.store.replace(part, values, alone)
        return values

    def given(self, part: int) -> Values:
        """Return the values that are always at hand: the batch and the network's tensors."""
        own = self._traces[part].own
        given = {own[name]: tensor.untyped_storage() for name, tensor in self._tensors}
        return {INPUT: self._batch(part).untyped_storage(), **given}

    def _fetching(self, part: int, values: Values) -> Callable[[int], UntypedStorage]:
        """Return what gives the value of a record during one pass."""
        more: Values = dict(values)

        def fetch(record: int) -> UntypedStorage:
            if record not in more:
                if INPUT not in more:
                    more.update(self.given(part))
                more.update(self._traces[part].values({record}, self.store.of(part), more))
            return more[record]

        return fetch


def _settings() -> object:
    """Return what decides which kernels torch takes, beside the calls."""
    return (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_autocast_enabled("cpu"),
        torch.backends.mkldnn.enabled,
        torch.backends.mha.get_fastpath_enabled(),
        torch.are_deterministic_algorithms_enabled(),
    )


def _checked(out: object, samples: int) -> Tensor:
    if isinstance(out, Tensor) and out.dim() and len(out) == samples:
        return out
    raise ValueError(
        "a network that is evaluated answers with one tensor, a row for each input; "
        f"this one gave {type(out).__name__}"
        + (f" of shape {tuple(out.shape)}" if isinstance(out, Tensor) else "")
    )
