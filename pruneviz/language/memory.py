"""How much memory a network's tensors take while it computes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.network.study import OperatorMode


def peak_tensor_bytes(network: nn.Module, action: Callable[[], object]) -> int:
    """Return the bytes of a network's own tensors and the most that others took in an action.

    Tensors that share their memory count once. What an operator needs only while it computes is
    not seen, so that the number depends on no machine.
    """
    own = {id(kept): kept for kept in _storages([*network.parameters(), *network.buffers()])}
    with _Alive(own) as alive:
        action()
    return sum(int(kept.nbytes()) for kept in own.values()) + int(alive.most)


def _storages(values: object) -> Iterator[torch.UntypedStorage]:
    for leaf in tree_leaves(values):
        if isinstance(leaf, Tensor):
            yield leaf.untyped_storage()


class _Alive(OperatorMode):
    """Counts the memory that operators answered with and that is still in use."""

    def __init__(self, own: dict[int, torch.UntypedStorage]) -> None:
        super().__init__()
        self._known = set(own)
        self._now = self.most = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        given = {id(kept) for kept in _storages([args, kwargs])}
        for kept in _storages(out):
            if id(kept) in self._known or id(kept) in given:
                continue
            self._known.add(id(kept))
            self._now += kept.nbytes()
            weakref.finalize(kept, self._gone, id(kept), kept.nbytes()).atexit = False
        self.most = max(self.most, self._now)
        return out

    def _gone(self, number: int, size: int) -> None:
        self._known.discard(number)
        self._now -= size
