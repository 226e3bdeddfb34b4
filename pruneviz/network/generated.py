"""Weights that a part of a network computes for another part at each pass, as hypernetworks do.

What amounts to a plain layer by itself is looked at as one (`folding`). Other computations cannot
be taken apart from what they compute for: they are found here, so that they are not passed over.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pruneviz.network.inputs import Given, call, count, some
from pruneviz.network.lent import lent
from pruneviz.network.plain_layers import CALLS, memory_of
from pruneviz.network.steady import generators
from pruneviz.network.study import path_through
from pruneviz.wording import Fact, folds

PRODUCTS = frozenset(
    [*CALLS, "matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "addmm", "baddbmm", "einsum"]
)
MOST_NAMED = 3


class _Products(TorchFunctionMode):
    """Notes the matrices of each product, and the part of the network that asks for it.

    Of a matrix it keeps a digest, and whether the network computed it of what it learns: it is none
    of `kept`, the memory that the network's own tensors lie in.
    """

    def __init__(self, owners: list[str], kept: set[int]) -> None:
        super().__init__()
        self.owners, self.kept = owners, kept
        self.found: list[tuple[str, list[tuple[object, bool]]]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in PRODUCTS:
            leaves = tree_leaves((args, kwargs))
            matrices = [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.ndim > 1]
            owner = self.owners[-1] if self.owners else ""
            self.found.append((owner, [self._noted(matrix) for matrix in matrices]))
        return func(*args, **(kwargs or {}))

    def _noted(self, matrix: Tensor) -> tuple[object, bool]:
        if matrix.untyped_storage()._cdata in self.kept:
            return (tuple(matrix.shape), "own"), False
        return (tuple(matrix.shape), _digest(matrix.detach())), matrix.requires_grad


def _digest(values: Tensor) -> object:
    """Return what two tensors of a shape share if they are equal; nothing is equal to NaN."""
    if bool((values != values).any()):
        return object()
    flat = (values + 0).contiguous().flatten()  # 0 and -0 are equal
    return blake2b(flat.view(torch.uint8).numpy().data, digest_size=16).digest()


def generated_weights(model: nn.Module, example: Given) -> tuple[str, ...]:
    """Return the parts of a model that multiply by what the model computes of its parameters.

    It is looked at with its inputs in two orders: such a weight is the same in both, and
    what it multiplies is not.
    """
    if all(type(module).__module__.partition(".")[0] in ("torch", "torchvision")
           for module in model.modules()):  # fmt: skip
        return ()
    own = lent(model)
    for parameter in own.parameters():
        parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
    kept = memory_of(own)
    try:
        turned = some(example, list(reversed(range(count(example)))))
        one, other = _products(own, example, kept), _products(own, turned, kept)
    # Any code of any user: what runs without gradients alone makes no weight that has any.
    except Exception:
        return ()
    if [owner for owner, _ in one] != [owner for owner, _ in other]:
        return ()
    found: dict[str, None] = {}
    for (owner, mine), (_, theirs) in zip(one, other, strict=True):
        same = [a == b for (a, _), (b, _) in zip(mine, theirs, strict=True)]
        made = [computed for _, computed in mine]
        if not all(same) and any(fixed and made for fixed, made in zip(same, made, strict=True)):
            found[owner] = None
    return tuple(found)


def _products(
    model: nn.Module, x: Given, kept: set[int]
) -> list[tuple[str, list[tuple[object, bool]]]]:
    owners: list[str] = []
    watch = _Products(owners, kept)
    with torch.enable_grad(), generators(0), path_through(model, owners), watch:
        call(model, x)
    return watch.found


def generated_note(model: nn.Module, example: Given) -> Fact | None:
    """Return, as a note, which weights of a model are computed and not looked at as weights."""
    found = generated_weights(model, example)
    if not found:
        return None
    more = len(found) - MOST_NAMED
    names = [f"'{name}'" if name else "its own forward pass" for name in found[:MOST_NAMED]]
    return folds.generated(", ".join(names) + (f" and {more} more" if more > 0 else ""))
