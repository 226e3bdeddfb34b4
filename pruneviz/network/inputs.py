"""What a model is given, and the one function that calls a model.

A batch is a tree of tensors: arguments by place and by name, in tuples, lists, dictionaries and
whatever else torch knows as a tree, such as what `transformers` answers with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils._pytree import (
    register_pytree_node,
    tree_is_leaf,
    tree_leaves,
    tree_map,
    tree_map_only,
)

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import tracing


@dataclass(frozen=True, eq=False)
class Inputs:
    """A batch: the arguments of a call by place and by name, a tree of tensors with N inputs.

    Every dense tensor with an axis has the inputs along the first; single numbers, sparse tensors
    and what is no tensor are the same for all inputs. ValueError where there is no such tensor, or
    where first axes differ.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "args", tuple(self.args))
        object.__setattr__(self, "kwargs", dict(self.kwargs))
        for name, leaf in self.named():
            if _hides_tensors(leaf):
                raise RefusedError(tracing.hidden_tensors(name, type(leaf).__name__))
        len(self)

    @classmethod
    def of(cls, given: Given) -> Inputs:
        """Return what a model is given as a batch: itself, a tuple of arguments, or one of them."""
        return given if isinstance(given, Inputs) else cls(*arguments(given))

    @classmethod
    def joined(cls, parts: Sequence[Inputs]) -> Inputs:
        """Return batches of one form as one, in their order; ValueError where forms differ.

        So do the values that are the same for all inputs of a batch.
        """
        if not parts:
            raise RefusedError(tracing.no_batch())
        try:
            return tree_map(_joined, *parts)  # type: ignore[no-any-return]
        except (RuntimeError, ValueError) as error:
            raise RefusedError(tracing.other_batches(str(error))) from error

    def __len__(self) -> int:
        """Return how many inputs there are."""
        sizes = {len(leaf) for leaf in self._leaves() if is_batched(leaf)}
        if not sizes:
            raise RefusedError(tracing.no_batch())
        if len(sizes) > 1:
            named = [f"{name}: {len(leaf)}" for name, leaf in self.named() if is_batched(leaf)]
            raise RefusedError(tracing.uneven_batch(tuple(named)))
        return sizes.pop()

    def take(self, which: slice | Tensor | Sequence[int]) -> Inputs:
        """Return some of the inputs: a slice, or by their numbers, or where a mask (N,) is true."""
        if not isinstance(which, slice):
            which = torch.as_tensor(which)
            which = which if which.dtype == torch.bool else which.long()
        return self._mapped(lambda leaf: leaf[which] if is_batched(leaf) else leaf)

    def batches(self, size: int) -> Iterator[Inputs]:
        """Yield the inputs in their order, `size` at a time; of none, one batch without any."""
        if size < 1:
            raise RefusedError(tracing.no_batch_size(size))
        count = len(self)
        if count <= size:
            yield self
            return
        for start in range(0, count, size):
            yield self.take(slice(start, start + size))

    def to(self, where: torch.device | str | torch.dtype) -> Inputs:
        """Return the inputs on a device, or those of floating point in another precision."""
        to_type = isinstance(where, torch.dtype)
        return self._mapped(
            lambda leaf: leaf.to(where) if leaf.is_floating_point() or not to_type else leaf
        )

    def _leaves(self) -> Iterator[Any]:
        for value in (*self.args, *self.kwargs.values()):
            yield from (value,) if isinstance(value, Tensor) else tree_leaves(value)

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> Inputs:
        """Return the same with other tensors; most are no tree, and a tree takes its time."""

        def changed(value: Any) -> Any:
            if isinstance(value, Tensor):
                return change(value)
            return tree_map_only(Tensor, change, value)

        named = {name: changed(value) for name, value in self.kwargs.items()}
        return _made((tuple(map(changed, self.args)), named))

    def named(self) -> Iterator[tuple[str, Any]]:
        """Yield the leaves with their names: `args[0]`, `mask['left']`."""
        for name, value in (("args", self.args), *self.kwargs.items()):
            yield from _named(name, value)


# A batch of one tensor, or of several with their names.
Batch: TypeAlias = Tensor | Inputs
# What a model is given: a batch, several arguments by place, or all of them with their names.
Given: TypeAlias = Batch | tuple[Any, ...]


def call(
    model: Callable[..., Any],
    given: Given,
    weights: Mapping[str, Tensor] | None = None,
    beside: Mapping[str, Any] | None = None,
) -> Any:
    """Return a model's answer; `weights` are parameters and buffers in the place of its own.

    `beside` is given by name too, and is no input: what it remembers of an earlier call.
    Every model is called here, but by the tools that call modules themselves: captum, torch.export.
    """
    args, kwargs = arguments(given)
    kwargs = {**kwargs, **(beside or {})}
    if weights is None:
        return model(*args, **kwargs)
    return functional_call(model, dict(weights), args, kwargs)  # type: ignore[arg-type]


def arguments(given: Given) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments of a call, by place and by name."""
    if isinstance(given, Inputs):
        return given.args, given.kwargs
    return (given if isinstance(given, tuple) else (given,)), {}


def batches(given: Given, size: int) -> Iterator[Batch]:
    """Yield the inputs in their order, `size` at a time; of a tensor, tensors."""
    yield from given.split(size) if isinstance(given, Tensor) else Inputs.of(given).batches(size)


def as_given(example: Any) -> Batch:
    """Return what a model is given: a tensor, several in a tuple or list, by name in a mapping."""
    if isinstance(example, Tensor | Inputs):
        return example
    if isinstance(example, Mapping):
        return Inputs(kwargs=example)
    return Inputs(tuple(example) if isinstance(example, tuple | list) else (example,))


def some(given: Given, which: slice | Tensor | Sequence[int]) -> Batch:
    """Return some of the inputs: a slice, or by their numbers; of a tensor, a tensor."""
    return given[which] if isinstance(given, Tensor) else Inputs.of(given).take(which)


def only_tensor(given: Given) -> Tensor:
    """Return what a model is given where that is one tensor; RefusedError where it is several."""
    if not isinstance(given, Tensor):
        raise RefusedError(tracing.several_inputs())
    return given


def tensors(given: Given) -> list[Tensor]:
    """Return the tensors of a batch that have the inputs along their first axis."""
    return [leaf for leaf in tree_leaves(given) if is_batched(leaf)]


def count(given: Given) -> int:
    """Return how many inputs there are."""
    return len(given) if isinstance(given, Tensor) else len(Inputs.of(given))


def first_input(example: Any) -> Any:
    """Return an example of a single input, which has all that the coupling shows."""
    if isinstance(example, Inputs):
        return example.take(slice(1))
    if isinstance(example, tuple):
        return tree_map_only(Tensor, lambda leaf: leaf[:1] if is_batched(leaf) else leaf, example)
    return example[:1] if is_batched(example) else example


def is_batched(leaf: Any) -> bool:
    """Say whether a leaf of a batch has the inputs along its first axis."""
    return isinstance(leaf, Tensor) and leaf.ndim > 0 and leaf.layout is torch.strided


def _hides_tensors(leaf: Any) -> bool:
    """Say whether a leaf holds tensors that no tree shows, so that they would not be taken from."""
    if isinstance(leaf, Tensor):
        return False
    inside = leaf if isinstance(leaf, Mapping) else getattr(leaf, "__dict__", {})
    return any(isinstance(value, Tensor) for value in inside.values())


def _named(name: str, tree: Any) -> Iterator[tuple[str, Any]]:
    if tree_is_leaf(tree):
        yield name, tree
        return
    for key, part in tree.items() if isinstance(tree, dict) else _numbered(tree):
        yield from _named(f"{name}[{key!r}]", part)


def _numbered(tree: Any) -> Iterable[tuple[int, Any]]:
    """Return the parts of a tree, of one that only torch can look into its leaves, by number."""
    return enumerate(tree if isinstance(tree, list | tuple) else tree_leaves(tree))


def _joined(first: Any, *others: Any) -> Any:
    if is_batched(first):
        return torch.cat([first, *others])
    for other in others:
        if not _same(first, other):
            raise RefusedError(tracing.other_values(str(first), str(other)))
    return first


def _same(first: Any, other: Any) -> bool:
    """Say whether two values that are the same for all inputs of a batch are one; NaN is NaN."""
    if first is other:
        return True
    if not (isinstance(first, Tensor) and isinstance(other, Tensor)):
        tensors = isinstance(first, Tensor) or isinstance(other, Tensor)
        return not tensors and bool(first == other or (first != first and other != other))
    if first.shape != other.shape or first.layout != other.layout:
        return False
    one, two = first.to_dense(), other.to_dense()
    return bool(((one == two) | ((one != one) & (two != two))).all())


def _made(children: Iterable[Any], _: Any = None) -> Inputs:
    """Return a batch of what a tree held, which is not looked at again."""
    made = object.__new__(Inputs)
    for name, value in zip(("args", "kwargs"), children, strict=True):
        object.__setattr__(made, name, value)
    return made


register_pytree_node(Inputs, lambda batch: ([batch.args, batch.kwargs], None), _made)
