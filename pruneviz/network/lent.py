"""A copy of a network that lies in the network's own weights: large ones are not there twice.

Whatever a pass of the copy writes to these is put back as soon as the pass ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, UntypedStorage, nn

from pruneviz.network.duplicate import duplicate
from pruneviz.network.study import OperatorMode

M = TypeVar("M", bound=nn.Module)
# Their code writes to tensors by torch's operators alone; other code may go past them.
LIBRARIES = frozenset(["pruneviz", "timm", "torch", "torchvision", "transformers"])


def lent(model: M) -> M:
    """Return a copy for passes that may write to what it holds; buffers and all else are its own.

    Its parameters share the memory of the model's where all its code is of known libraries, else
    they are copies too. Other passes of the model at the same moment may see what is written.
    """
    if any(
        type(module).__module__.partition(".")[0] not in LIBRARIES for module in model.modules()
    ):
        return duplicate(model)
    own = {id(p): nn.Parameter(p.detach(), p.requires_grad) for p in model.parameters()}
    made = duplicate(model, dict(own))
    lender = _Lender()
    made.register_forward_pre_hook(lender.begin, prepend=True)
    made.register_forward_hook(lender.end, always_call=True)
    return made


def written_names(made: nn.Module) -> frozenset[str]:
    """Return the parameters, by path, that passes of a copy that `lent` made wrote to."""
    hooks = (getattr(hook, "__self__", None) for hook in made._forward_hooks.values())
    lenders = (hook for hook in hooks if isinstance(hook, _Lender))
    return frozenset(name for lender in lenders for name in lender.written)


class _Lender:
    """Watches the passes of a copy, and puts back what they write to its parameters."""

    def __init__(self) -> None:
        self.written: set[str] = set()
        self._passes: list[_Watch] = []

    def begin(self, made: nn.Module, args: Any) -> None:
        """Watch a pass."""
        watch = _Watch({p.untyped_storage()._cdata for p in made.parameters()})
        self._passes.append(watch)
        watch.__enter__()  # type: ignore[no-untyped-call]

    def end(self, made: nn.Module, args: Any, out: Any) -> None:
        """Put back what the pass wrote to, and remember it."""
        watch = self._passes.pop()
        watch.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        for name, parameter in made.named_parameters():
            storage = watch.before.get(parameter.untyped_storage()._cdata)
            if storage is not None and not _holds(parameter.detach(), storage):
                self.written.add(name)
        for parameter in made.parameters():
            storage = watch.before.get(parameter.untyped_storage()._cdata)
            if storage is not None:
                parameter.untyped_storage().copy_(storage)


def _holds(tensor: Tensor, storage: UntypedStorage) -> bool:
    """Whether a tensor has the bits that another storage holds in its place."""
    before = torch.empty(0, dtype=tensor.dtype)
    before.set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())
    one, other = (each.contiguous().flatten().view(torch.uint8) for each in (tensor, before))
    return torch.equal(one, other)


class _Watch(OperatorMode):
    """Keeps what lies in some storages before an operator writes to it."""

    def __init__(self, storages: set[int]) -> None:
        super().__init__()
        self._storages = storages
        self.before: dict[int, UntypedStorage] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        for place, name in written_by(func):
            value = args[place] if place < len(args) else (kwargs or {}).get(name)
            for tensor in _tensors(value):
                storage = tensor.untyped_storage()
                if storage._cdata in self._storages and storage._cdata not in self.before:
                    self.before[storage._cdata] = storage.clone()
        return func(*args, **(kwargs or {}))


@cache
def written_by(op: Any) -> tuple[tuple[int, str], ...]:
    """Return place and name of the arguments that an operator writes to."""
    return tuple(
        (place, argument.name)
        for place, argument in enumerate(op._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield the dense tensors among an argument's values."""
    for each in value if isinstance(value, list | tuple) else (value,):
        if isinstance(each, Tensor) and each.layout is torch.strided:
            yield each
