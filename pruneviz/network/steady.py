"""What a network does beside answering: it may draw at random, and write to what it holds."""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from pruneviz.network.inputs import Given, call
from pruneviz.network.lent import lent, written_names

DRAWS = 8  # more passes where random numbers are drawn and none has changed an answer yet
NOISE = 1e-5  # of the largest answer: what the order of a sum changes stays below it
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


@contextmanager
def generators(seed: int) -> Iterator[Callable[[], bool]]:
    """Seed the generators of torch, numpy and Python, and put them back afterwards.

    What is given says whether any number was drawn since.
    """
    before: tuple[Any, Any] = (np.random.get_state(), random.getstate())
    own = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)  # torch.manual_seed takes long to look for devices
    np.random.seed(seed)
    random.seed(seed)
    try:
        with watching() as drew:
            yield drew
    finally:
        torch.set_rng_state(own)
        np.random.set_state(before[0])
        random.setstate(before[1])


def _states() -> object:
    state: Any = np.random.get_state()
    own = torch.get_rng_state().numpy().tobytes()
    return own, state[1].tobytes(), state[2:], random.getstate()


@contextmanager
def watching() -> Iterator[Callable[[], bool]]:
    """Give what says whether a number was drawn since, from torch, numpy or Python."""
    begun = _states()
    yield lambda: _states() != begun


def draws(answer: Callable[[], Any]) -> bool:
    """Return whether a network's answers are drawn at random, by what `answer` comes to.

    Two passes tell; where random numbers were drawn, more of them, because they may seldom matter.
    What has a generator of its own, or reads a clock, is seen as well.
    """
    with torch.no_grad():
        with generators(0) as drew:
            first = answer()
            drawn = drew()
        for seed in range(1, 2 + (DRAWS if drawn else 0)):
            with generators(seed):
                if not _agree(first, answer(), 0.0 if drawn else NOISE):
                    return True
    return False


def keep_steady(model: nn.Module, x: Given) -> bool:
    """Watch a network in eval mode answer N inputs; return whether it draws at random.

    Where it writes to what it holds, each of its passes in eval mode puts it back from then on, and
    so do those of its copies: whoever asks, and in whatever order, gets the same answers. Nothing
    else of the network is changed.
    """
    if any(is_lazy(parameter) for parameter in model.parameters()):
        return False  # it has no weights yet, and is refused for that
    own = lent(model)
    with torch.no_grad(), generators(0):
        call(own, x)
    written = _written(model, own) | written_names(own) | _renormed(model)
    if written:
        hold(model, written)
    own = lent(model)
    return draws(lambda: call(own, x))


def _written(model: nn.Module, after: nn.Module) -> frozenset[str]:
    """Return the paths of tensors and attributes that a network's copy holds otherwise."""
    copies = dict(after.named_modules())
    found: set[str] = set()
    for path, module in model.named_modules():
        mine, theirs = _held(module), _held(copies.get(path, module))
        for part in ("_parameters", "_buffers"):
            mine |= mine.pop(part)
            theirs |= theirs.pop(part)
        for name in mine.keys() | theirs.keys():
            if (name in mine) != (name in theirs) or not _agree(mine[name], theirs[name]):
                found.add(f"{path}.{name}" if path else name)
    return frozenset(found)


def _renormed(model: nn.Module) -> frozenset[str]:
    """Return the paths of embeddings that shorten the rows they look up, whatever the inputs."""
    return frozenset(
        f"{path}.weight" if path else "weight"
        for path, module in model.named_modules()
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.max_norm is not None
    )


def hold(model: nn.Module, written: frozenset[str] = frozenset()) -> None:
    """Let every pass in eval mode leave what a network's parts in eval mode hold as it is.

    `written` are the parameters that it is known to write to, by path. Parts in training mode are
    meant to change: BatchNorm that takes its statistics anew is one.
    """
    held = Hold(written)
    model.register_forward_pre_hook(held.remember, prepend=True)
    model.register_forward_hook(held.put_back, always_call=True)


class Hold:
    """Lets each pass of a network write to stand-ins of what it holds, which go afterwards."""

    def __init__(self, written: frozenset[str]) -> None:
        self._written = written
        self._lock = RLock()  # another thread would be given the stand-ins of this one's pass
        self._passes: list[list[tuple[nn.Module, dict[str, Any]]]] = []

    def __reduce__(self) -> tuple[type[Hold], tuple[frozenset[str]]]:
        """Copy and pickle it as one that has no pass under way."""
        return Hold, (self._written,)

    def remember(self, model: nn.Module, args: Any) -> None:
        """Put stand-ins into each part in eval mode, and keep what they stand for."""
        self._lock.acquire()
        found: list[tuple[nn.Module, dict[str, Any]]] = []
        self._passes.append(found)
        if model.training or torch.compiler.is_compiling():
            return
        written = {id(p) for name, p in model.named_parameters() if name in self._written}
        stand_ins: dict[int, Any] = {}
        for module in model.modules():
            if not module.training:
                held = _held(module)
                found.append((module, held))
                for name, value in held.items():
                    vars(module)[name] = _stand_in(value, written, stand_ins)

    def put_back(self, model: nn.Module, args: Any, out: Any) -> None:
        """Give each part what it held before the pass."""
        for module, held in self._passes.pop():
            for name in _held(module).keys() - held.keys():
                del vars(module)[name]
            vars(module).update(held)
        self._lock.release()


def _held(module: nn.Module) -> dict[str, Any]:
    """Return what a module holds by name: its dictionaries of tensors, and plain attributes."""
    return {name: value for name, value in vars(module).items() if "hooks" not in name}


def _stand_in(value: Any, written: set[int], stand_ins: dict[int, Any]) -> Any:
    """Return what may be written to in place of a value; tensors in it are copied, once each.

    Parameters are, where they are known to be written: others would be many, and in vain.
    """
    if isinstance(value, Tensor):
        if isinstance(value, nn.Parameter) and id(value) not in written:
            return value
        if id(value) not in stand_ins:
            stand_ins[id(value)] = value.clone()
        return stand_ins[id(value)]
    if isinstance(value, dict):
        made: Any = copy.copy(value)
        made.update({key: _stand_in(part, written, stand_ins) for key, part in value.items()})
        return made
    if isinstance(value, list | deque):
        made = copy.copy(value)
        made.clear()
        made.extend(_stand_in(part, written, stand_ins) for part in value)
        return made
    return set(value) if type(value) is set else value


def _agree(one: Any, other: Any, noise: float = 0.0) -> bool:
    """Return whether two values are equal, up to `noise` of the largest number.

    Objects of other kinds, modules among them, count as equal.
    """
    mine, theirs = tree_leaves(one), tree_leaves(other)
    if len(mine) != len(theirs):
        return False
    return all(_equal(a, b, noise) for a, b in zip(mine, theirs, strict=True))


def _equal(one: Any, other: Any, noise: float) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, _PLAIN) or isinstance(other, _PLAIN):
        return type(one) is type(other) and (one == other or one != one)
    if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
        return isinstance(one, Tensor) == isinstance(other, Tensor)
    if (one.shape, one.dtype, one.layout) != (other.shape, other.dtype, other.layout):
        return False
    if one is other or one.layout is not torch.strided or _same_memory(one, other):
        return True
    apart = (one != other) & ~((one != one) & (other != other))
    if not bool(apart.any()) or not (noise and one.is_floating_point()):
        return not bool(apart.any())
    return bool((one - other).abs().max() <= noise * one.abs().max())


def _same_memory(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors of one shape lie in the same place in the same way."""
    return one.data_ptr() == other.data_ptr() != 0 and one.stride() == other.stride()
