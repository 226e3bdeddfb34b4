"""Passes over the batches of fixed inputs: plain, recorded, and with what is known left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import torch
from torch import Tensor, UntypedStorage, nn
from torch.utils._pytree import tree_map

from pruneviz.network.answers import logits_of
from pruneviz.network.inputs import Batch, is_batched, some, tensors
from pruneviz.network.one_trace import ONE_TRACE
from pruneviz.reuse.calls import place_of
from pruneviz.reuse.following import States, states_of
from pruneviz.reuse.recording import Recording
from pruneviz.reuse.reusing import Reusing
from pruneviz.reuse.tensors import same, tensors_of
from pruneviz.reuse.trace import INPUT, Ref, Trace, Values
from pruneviz.tasks import CLASSIFICATION, Task
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import cutting


class Passes:
    """The original's passes over `x` (N, …), batch by batch, and those of changed networks.

    `traces` says of each recorded batch what the original's pass computes.
    """

    def __init__(
        self, model: nn.Module, x: Batch, parts: Sequence[Tensor], task: Task = CLASSIFICATION
    ) -> None:
        self._model, self._tensors = model, tensors_of(model)
        self._x, self._parts, self._task = x, parts, task
        self.traces: dict[int, Trace] = {}

    def _batch(self, part: int) -> Batch:
        return some(self._x, self._parts[part])

    def plain(self, network: nn.Module, part: int) -> Tensor:
        """Return a network's scores on one batch, such as logits (B, classes), all computed."""
        with torch.inference_mode():
            return self._scores(network, self._batch(part), len(self._parts[part]))

    def _scores(self, network: nn.Module, batch: Batch, samples: int) -> Tensor:
        return _checked(self._task.scores(logits_of(network, batch)), samples)

    def record(self, part: int) -> tuple[Tensor, bool]:
        """Follow the original's pass over a batch: its logits, and whether it writes to itself."""
        with ONE_TRACE, torch.inference_mode():
            batch = self._batch(part)
            given = tensors(batch)
            trace = Trace(tuple(map(place_of, given)))
            mode = Recording(trace)
            for record, tensor in enumerate(given):
                mode.know(tensor, record)
            records: dict[int, int] = {}
            for name, tensor in self._tensors:
                address = tensor.untyped_storage()._cdata
                if address not in records:
                    records[address] = trace.new_record()
                trace.own[name] = records[address]
                mode.know(tensor, records[address], own=True)
            with mode:
                out = self._scores(self._model, batch, len(batch))
            state = mode.state(out)
            trace.logits = logits = out.clone()
            if state is not None:
                trace.answer = Ref(state.record, place_of(out))
        self.traces[part] = trace
        return logits, mode.writes_own

    def changed(self, network: nn.Module) -> frozenset[str]:
        """Return the names of the original's tensors that a network lacks or has others for."""
        theirs = dict(tensors_of(network))
        return frozenset(
            name
            for name, tensor in self._tensors
            if name not in theirs or not same(tensor, theirs[name])
        )

    def known(self, network: nn.Module, changed: frozenset[str]) -> States:
        """Return what is known of a network's tensors: those that are the original's."""
        own = self.traces[len(self._parts) - 1].own  # the same in each trace
        return states_of(
            (tensor, own[name])
            for name, tensor in tensors_of(network)
            if name in own and name not in changed
        )

    def run(self, network: nn.Module, part: int, mode: Reusing) -> Tensor:
        """Return a network's logits on one batch, computing what `mode` does not know."""
        with ONE_TRACE, torch.inference_mode():
            batch = self._stand_in(part, mode)
            with mode:
                out = self._scores(network, batch, len(self._parts[part]))
            logits = mode.value(out)
            del batch, out
            mode.settle()
        return logits

    def _stand_in(self, part: int, mode: Reusing) -> Batch:
        """Return a batch whose tensors stand in memory of their own that holds something else."""
        refs = map(Ref, count(), self.traces[part].places)

        def made(leaf: Any) -> Any:
            return mode.stand_in(next(refs), leaf.device) if is_batched(leaf) else leaf

        batch: Batch = tree_map(made, self._x)
        return batch

    def given(self, part: int) -> Values:
        """Return the values that are always at hand: the batch and the network's tensors."""
        own = self.traces[part].own
        given = {own[name]: tensor.untyped_storage() for name, tensor in self._tensors}
        batch = tensors(self._batch(part))
        return {record: tensor.untyped_storage() for record, tensor in enumerate(batch)} | given

    def fetching(
        self, part: int, values: Values, kept: Mapping[int, UntypedStorage]
    ) -> Callable[[int], UntypedStorage]:
        """Return what gives the value of a record during one pass."""
        more: Values = dict(values)

        def fetch(record: int) -> UntypedStorage:
            if record not in more:
                if INPUT not in more:
                    more.update(self.given(part))
                more.update(self.traces[part].values({record}, kept, more))
            return more[record]

        return fetch


def kernel_settings() -> object:
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
    shape = tuple(out.shape) if isinstance(out, Tensor) else None
    raise RefusedError(cutting.no_row_for_each_input(type(out).__name__, shape))
