"""Whole numbers that modules remember: which of them a view or a part of a tensor was asked for."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from pruneviz.network.cuttable_forms import Explicit

ASKED = """
    view reshape unflatten expand repeat split chunk split_with_sizes tensor_split narrow
    unsafe_split unsafe_chunk unsafe_split_with_sizes
    __getitem__ __setitem__ conv1d conv2d conv3d conv_transpose2d broadcast_to
""".split()
VIEWS = ("view", "reshape", "expand")
Reads = dict[tuple[int, str], int]  # (a module's identity, an attribute) → when it was read last


@contextmanager
def watching(model: nn.Module, reads: Reads) -> Iterator[None]:
    """Note in `reads` when modules of the user's own read which of their whole numbers.

    Two numbers of a module may happen to be equal: the one that it read last is the one that it
    asked for. The classes of the modules are looked through meanwhile, and stay what they are: code
    may ask for a module's very type, and a class may keep a list of those made from it.
    """
    clock, before = count(), []
    modules = {id(module): type(module) for module in model.modules()}
    try:
        for kind in dict.fromkeys(modules.values()):
            if kind.__module__.startswith("torch."):
                continue
            own = vars(kind).get("__getattribute__")
            try:
                _set(kind, _noting(kind, modules, reads, clock))
            except TypeError:  # an unusual class stays: all its numbers are looked at
                continue
            before.append((kind, own))
        yield
    finally:
        for kind, own in before:
            if own is None:
                type.__delattr__(kind, "__getattribute__")
            else:
                _set(kind, own)


class Asking(TorchFunctionMode):
    """Knows whether the function under way is one that is given sizes by the code that calls it.

    A product of matrices reshapes what it multiplies, by sizes that no module has read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = True
        self.given: tuple[int, ...] | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        before = self.asked, self.given
        name = getattr(func, "__name__", "")
        self.asked, self.given = name in ASKED, _sizes(args[1:]) if name in VIEWS else None
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.asked, self.given = before


def _sizes(given: tuple[Any, ...]) -> tuple[int, ...] | None:
    """Return the sizes that a view was asked for, one by one or together."""
    sizes = given[0] if len(given) == 1 and isinstance(given[0], tuple | list) else given
    return tuple(sizes) if sizes and all(isinstance(size, int) for size in sizes) else None


def _noting(
    kind: type[nn.Module], modules: Container[int], reads: Reads, clock: Iterator[int]
) -> Callable[[nn.Module, str], Any]:
    """Return how a class reads an attribute, noting which whole numbers some modules read."""
    before = kind.__getattribute__

    def read(module: nn.Module, name: str) -> Any:
        value = before(module, name)
        if type(value) in (int, tuple, list) and id(module) in modules:
            reads[id(module), name] = next(clock)
        return value

    return read


def _set(kind: type[nn.Module], read: Callable[[nn.Module, str], Any]) -> None:
    """Write how a class reads, whatever its metaclass does when somebody writes."""
    type.__setattr__(kind, "__getattribute__", read)


def numbers_like(module: nn.Module, size: int, reads: Reads, times: int = 1) -> list[str]:
    """Return the names of a module's whole numbers that have this value, those it may have meant.

    These are the one that was read last, or as many in the order of reading as the size is written
    `times`, or all where nobody saw one read. What torch's own layers remember follows from their
    tensors.
    """
    if type(module).__module__.startswith("torch.nn"):
        return []
    if isinstance(module, Explicit):  # it says itself which of its numbers may follow
        return [name for name in module.counts if getattr(module, name) == size]
    names = [
        name
        for name, value in vars(module).items()
        if type(value) is int and value == size and not name.startswith("_")
    ]
    return _read_last(module, names, reads, times)


def several_like(module: nn.Module, sizes: list[int], reads: Reads) -> list[str]:
    """Return the name of the tuple or list of these whole numbers that a module remembers."""
    if type(module).__module__.startswith("torch.nn"):
        return []
    names = [
        name
        for name, value in vars(module).items()
        if type(value) in (tuple, list) and list(value) == sizes and not name.startswith("_")
    ]
    return _read_last(module, names, reads)


def _read_last(module: nn.Module, names: list[str], reads: Reads, times: int = 1) -> list[str]:
    seen = [name for name in names if (id(module), name) in reads]
    return sorted(seen, key=lambda name: reads[id(module), name])[-times:] if seen else names
