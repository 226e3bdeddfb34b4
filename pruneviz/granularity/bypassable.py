"""Which modules can be left out: those that return their input when all their parameters are 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pruneviz.granularity.units import belongs
from pruneviz.network.inputs import call
from pruneviz.network.one_trace import ONE_TRACE
from pruneviz.network.study import slowly, study
from pruneviz.wording import Fact, stays, unseen

CLOSE = 1e-6  # relative to the input's largest value
PARTS = ".."  # no path of a module holds it


def bypass_of(path: str, parts: int) -> str:
    """Return how a bypass is written: its module's path, and of how many parts its answer is.

    `h.0..2` returns a tuple of two, whose first is its input; `h.0` returns its input itself.
    """
    return f"{path}{PARTS}{parts}" if parts else path


def read_bypass(written: str) -> tuple[str, int]:
    """Return the path of a bypass, and of how many parts its answer is, 0 for a tensor."""
    path, _, parts = written.partition(PARTS)
    return path, int(parts) if parts.isdecimal() else 0


@dataclass(frozen=True)
class Watched:
    """A forward pass: the paths of the blocks and of all modules called, in its order.

    `against` says by path why a module that holds a matrix is no block, `parts` of how many parts
    a block's answer is, where it is a tuple.
    """

    blocks: tuple[str, ...]
    called: tuple[str, ...]
    against: dict[str, Fact]
    parts: dict[str, int]

    def in_order(self, paths: set[str]) -> tuple[str, ...]:
        """Return paths in the order in which they are first called; others come last, by name."""
        place = {path: number for number, path in enumerate(self.called)}
        return tuple(sorted(paths, key=lambda path: (place.get(path, len(place)), path)))

    def why(self, layer: str) -> Fact:
        """Return why a layer is in no block: what speaks against the outermost module around it.

        One that returns what it is given, but for its weights, comes before others: it looks like a
        block. One that holds blocks, or the whole network, is none that anyone would look for.
        """
        parts = layer.split(".")
        around = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        tried = [p for p in around if p in self.against
                 and not any(belongs(block, p) for block in self.blocks)]  # fmt: skip
        alike = [p for p in tried if self.against[p] in unseen.changes_its_input and p != layer]
        for path in (*alike, *tried):
            found = self.against[path]
            return found if path == layer else stays.part_of(path, found)
        return unseen.not_called()


def watch(model: nn.Module, example: Any) -> Watched:
    """Run a copy of the model on an example and look for its blocks.

    A block is a module that holds a matrix, owns its parameters alone, is called once, and returns
    the tensor it is given, unchanged, when all its parameters are 0; of nested ones the innermost.
    It may return it as the first of a tuple: whether others read the rest, the proof says.
    """
    copied, often = study(model), dict[str, int]()
    while True:
        trial = _Trial(copied, often)
        with ONE_TRACE, torch.no_grad(), slowly(copied), trial.hooked():
            call(copied, example)
        again = {path: trial.calls[path] for path in trial.blocks if trial.calls[path] > 1}
        if not again:
            return Watched(tuple(trial.blocks), tuple(trial.calls), trial.against, trial.parts)
        often.update(again)  # what is around them may be a block in their place


class _Trial:
    """Tries each module, after its first call, with zeros in place of its parameters.

    Inner modules come before those around them, which are not tried where a block was found inside.
    """

    def __init__(self, model: nn.Module, often: dict[str, int]) -> None:
        self._model, self._often = model, often
        self._shared = _shared(model)
        self._trying = False
        self._given: list[Tensor | None] = []
        self.calls: Counter[str] = Counter()
        self.blocks: list[str] = []
        self.against: dict[str, Fact] = {}
        self.parts: dict[str, int] = {}

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Try the modules while the model runs."""
        hooks = []
        try:
            for path, module in self._model.named_modules():
                if path:
                    before, after = self._around(path)
                    hooks.append(module.register_forward_pre_hook(before, with_kwargs=True))
                    hooks.append(module.register_forward_hook(after, with_kwargs=True))
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _around(self, path: str) -> tuple[Any, Any]:
        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            if not self._trying:
                self.calls[path] += 1
                wanted = self.calls[path] == 1 and any(p.ndim > 1 for p in module.parameters())
                given = first(args, kwargs) if wanted else None
                # its own code may write into what it is given
                self._given.append(given.clone() if isinstance(given, Tensor) else None)

        def after(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
            if self._trying:
                return
            given = self._given.pop()
            if given is None or any(belongs(block, path) for block in self.blocks):
                return
            self._trying = True
            try:
                fault = self._fault(path, module, given, out, args, kwargs)
            finally:
                self._trying = False
            if fault:
                self.against[path] = fault
            else:
                self.blocks.append(path)
                if not isinstance(out, Tensor):
                    self.parts[path] = len(out)

        return before, after

    def _fault(
        self, path: str, module: nn.Module, given: Tensor, out: Any, args: Any, kwargs: Any
    ) -> Fact | None:
        """Return why a module is no block; None where it is one on this input."""
        if path in self._often:
            return unseen.called_often(self._often[path])
        for names in self._shared:
            own = [name for name in names if belongs(name, path)]
            if 0 < len(own) < len(names):
                return unseen.shares(own[0])
        out = answered(out)
        if not isinstance(out, Tensor):
            return unseen.no_single_tensor(type(out).__name__)
        if out.shape != given.shape or out.dtype != given.dtype:
            return unseen.turns(_size(given), _size(out))
        if not bool(given.any()) or not bool(torch.isfinite(given).all()):
            return unseen.nothing_proved()
        try:
            zeroed = answered(_at_zero(module, given.clone(), args, kwargs))
        # Any code of any user: whatever it raises, it does not run on zeros.
        except Exception as error:
            return unseen.fails_on_zeros(type(error).__name__)
        if not bool((zeroed - given).abs().max() <= CLOSE * given.abs().max()):
            return unseen.changes_its_input()
        return None


def _size(tensor: Tensor) -> str:
    """Return the shape of one sample in words: `16×8×8`, `64 numbers`."""
    shape = [str(size) for size in tensor.shape[1:]]
    return "×".join(shape) if len(shape) > 1 else f"{shape[0] if shape else 1} numbers"


def first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the first argument of a call, by place or by name; None where there is none."""
    return args[0] if args else next(iter(kwargs.values()), None)


def answered(out: Any) -> Any:
    """Return what a module answers, of a tuple its first part."""
    return out[0] if type(out) is tuple and out else out


def _at_zero(module: nn.Module, given: Tensor, args: Any, kwargs: Any) -> Any:
    """Return a module's answer to `given` in place of the first argument, its parameters all 0."""
    zeros = {name: torch.zeros_like(p) for name, p in module.named_parameters()}
    if args:
        return functional_call(module, zeros, (given, *args[1:]), kwargs)
    return functional_call(module, zeros, (), {**kwargs, next(iter(kwargs)): given})


def _shared(model: nn.Module) -> list[list[str]]:
    """Return the names of each parameter that the network knows under several."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [several for several in names.values() if len(several) > 1]
