"""A language model without its blocks: what goes into the first, what comes out of the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.blockwise.stored import StoredTensors
from pruneviz.network.duplicate import duplicate
from pruneviz.network.inputs import call
from pruneviz.subjects.models.weights import some
from pruneviz.tasks.language_modelling import logits_of_tokens
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working


@dataclass(frozen=True)
class Called:
    """How a network calls a block beside its hidden states: further arguments, by place and name.

    `wraps` says that the block answers with a tuple whose first part are the hidden states.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    wraps: bool = False


class _Reached(BaseException):
    """The first block is about to run; what it was given is known."""


class _Stub(nn.Module):
    """Stands for a block that is not loaded: notes how it is called, and lets states pass."""

    def __init__(self) -> None:
        super().__init__()
        self.called: Called | None = None
        self.given: Tensor | None = None
        self.instead: Tensor | None = None
        self.stops = self.wraps = False

    def forward(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return the hidden states (B, places, width), or those that stand `instead`."""
        self.called, self.given = Called(args, kwargs, self.wraps), hidden
        if self.stops:
            raise _Reached
        out = hidden if self.instead is None else self.instead
        return (out,) if self.wraps else out


class Alone(nn.Module):
    """One block as a network of its own, (B, places, width) to the same; names stay those it had.

    What else it is given is the same for every text of one length.
    """

    def __init__(self, path: str, block: nn.Module, called: Called) -> None:
        super().__init__()
        *outer, last = path.split(".")
        place: nn.Module = self
        for part in outer:
            place.add_module(part, nn.Module())
            place = place.get_submodule(part)
        place.add_module(last, block)
        self._path, self._called = path, called

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the hidden states behind the block."""
        out = self.get_submodule(self._path)(hidden, *self._called.args, **self._called.kwargs)
        found: Tensor = out[0] if isinstance(out, tuple) else out
        return found


class Skeleton:
    """A network on no memory, of which parts are loaded for as long as they are used.

    RefusedError where it is no stack of `count` blocks, or the files name its tensors otherwise.
    """

    def __init__(self, network: nn.Module, count: int, stored: StoredTensors) -> None:
        """Take a network on the meta device; its blocks are its largest list of `count` modules."""
        self._network, self._stored = network, stored
        self.stage, self._blocks = _stage(network, count)
        self._stubs = [_Stub() for _ in self._blocks]
        self._wanted = list(wanted_of(network))
        missing = [name for name in self._wanted if name not in stored]
        if missing:
            raise RefusedError(working.tensors_not_found(some(missing)))
        network.set_submodule(self.stage, nn.ModuleList(self._stubs))
        self.calls: list[Called] = []

    @property
    def count(self) -> int:
        """Return the number of blocks."""
        return len(self._blocks)

    @property
    def together(self) -> bool:
        """Return whether what blocks are given beside their states fits several texts at once.

        It was noted of one text; where heads and texts share a dimension it fits that one alone.
        """
        return all(
            leaf.shape[0] == 1
            for called in self.calls
            for leaf in tree_leaves((called.args, dict(called.kwargs)))
            if isinstance(leaf, Tensor) and leaf.ndim > 1
        )

    def path(self, number: int) -> str:
        """Return the path of a block."""
        return f"{self.stage}.{number}"

    def names(self, number: int) -> list[str]:
        """Return the names of a block's stored tensors."""
        start = f"{self.path(number)}."
        return [name for name in self._wanted if name.startswith(start)]

    def names_outside(self) -> list[str]:
        """Return the names of the stored tensors that belong to no block."""
        return [name for name in self._wanted if not name.startswith(f"{self.stage}.")]

    def block(self, number: int) -> nn.Module:
        """Return a block with its weights, float32, as a network of its own."""
        tensors = self._stored.read(self.names(number))
        block = duplicate(self._blocks[number]).to_empty(device="cpu")
        start = f"{self.path(number)}."
        own = {name.removeprefix(start): _single(t) for name, t in tensors.items()}
        return Alone(self.path(number), self._filled(block, own).eval(), self.calls[number])

    def _filled(self, part: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
        """Give a part its tensors, and the buffers that no file holds the values that they have."""
        held = set(part.state_dict())
        for path, module in part.named_modules():
            own = {f"{path}.{name}".removeprefix(".") for name in module._buffers}
            if own - held:
                self._network._init_weights(module)  # type: ignore[operator]
        part.load_state_dict(dict(tensors), strict=False, assign=True)
        return part.requires_grad_(False)

    @contextmanager
    def loaded(self) -> Iterator[nn.Module]:
        """Hold what stands before and behind the blocks, float32, for as long as it is needed."""
        tensors = {n: _single(t) for n, t in self._stored.read(self.names_outside()).items()}
        whole = self._filled(duplicate(self._network).to_empty(device="cpu"), tensors)
        whole.tie_weights()  # type: ignore[operator]
        yield whole.eval()

    def enter(self, whole: nn.Module, tokens: Tensor) -> Tensor:
        """Return what the first block is given of tokens (B, places): (B, places, width)."""
        stub = self._stubs_of(whole)[0]
        stub.stops = True
        try:
            with torch.no_grad():
                call(whole, tokens)
        except _Reached:
            pass
        finally:
            stub.stops = False
        assert stub.given is not None
        return stub.given

    def note_calls(self, whole: nn.Module, tokens: Sequence[Tensor]) -> None:
        """Note how the network calls its blocks; each of `tokens` is one text, (1, places).

        RefusedError where that differs from text to text, or blocks answer no hidden states.
        """
        stubs = self._stubs_of(whole)
        self.enter(whole, tokens[0])
        assert stubs[0].called is not None
        assert stubs[0].given is not None
        self.calls = [stubs[0].called]
        given = stubs[0].given
        wraps = self._answer_is_wrapped(given)
        noted: list[list[Called]] = []
        for text in tokens:
            for stub in stubs:
                stub.wraps = wraps
            with torch.no_grad():
                call(whole, text)
            noted.append([stub.called for stub in stubs if stub.called is not None])
        if len(noted[0]) != self.count or not all(_alike(noted[0], other) for other in noted):
            raise RefusedError(working.calls_differ())
        self.calls = noted[0]

    def _answer_is_wrapped(self, given: Tensor) -> bool:
        """Return whether the first block answers states (1, places, width) with a tuple of them."""
        alone, found = self.block(0), list[Any]()
        block = alone.get_submodule(self.path(0))
        block.register_forward_hook(lambda _, given, out: found.append(out))
        with torch.no_grad():
            states = call(alone, given)
        if not isinstance(states, Tensor) or states.shape != given.shape:
            raise RefusedError(working.blocks_answer_otherwise(type(found[0]).__name__))
        return isinstance(found[0], tuple)

    def leave(self, whole: nn.Module, tokens: Tensor, states: Tensor) -> Tensor:
        """Return the logits (B, places, tokens) of the states behind the last block.

        How the network calls its blocks must be noted.
        """
        stubs = self._stubs_of(whole)
        for stub, called in zip(stubs, self.calls, strict=True):
            stub.wraps = called.wraps
        stubs[0].instead = states
        try:
            with torch.no_grad():
                logits: Tensor = logits_of_tokens(call(whole, tokens))
        finally:
            stubs[0].instead = None
        return logits

    def _stubs_of(self, whole: nn.Module) -> list[_Stub]:
        return [stub for stub in whole.get_submodule(self.stage) if isinstance(stub, _Stub)]  # type: ignore[attr-defined]


def wanted_of(network: nn.Module) -> dict[str, torch.Size]:
    """Return the shapes of a network's tensors by name, each once: a tied one by its first name."""
    once = {name for name, _ in network.named_parameters()}
    again = {name for name, _ in network.named_parameters(remove_duplicate=False)} - once
    return {name: t.shape for name, t in network.state_dict().items() if name not in again}


def _stage(network: nn.Module, count: int) -> tuple[str, list[nn.Module]]:
    """Return the path of the list that holds a network's blocks, and these."""
    lists = [
        (path, list(part))
        for path, part in network.named_modules()
        if isinstance(part, nn.ModuleList) and len(part) == count
    ]
    if not lists:
        raise RefusedError(working.no_blocks(type(network).__name__))
    return max(lists, key=lambda each: sum(p.numel() for b in each[1] for p in b.parameters()))


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _alike(one: Sequence[Called], other: Sequence[Called]) -> bool:
    """Return whether two texts are given to the blocks with the same further tensors."""
    left, right = (
        [leaf for called in each for leaf in tree_leaves((called.args, dict(called.kwargs)))]
        for each in (one, other)
    )
    return len(left) == len(right) and all(
        torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else True
        for a, b in zip(left, right, strict=True)
    )
