"""Masked and cut network side by side: the same averages over what is kept, the same decisions.

A mask sets weights to zero, and an average over zeros is not the average over what is left: a
masked network runs here with each average taken over what is kept. Two networks that agree to the
last digit but one may still choose differently among near-equal values (the boxes of a detector),
so the second repeats what the first has chosen. What both chose from is compared like an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.coupling.rules.averages import kept_only, spread
from pruneviz.granularity.bypassable import read_bypass
from pruneviz.network.inputs import call
from pruneviz.network.one_trace import ONE_TRACE
from pruneviz.network.steady import generators
from pruneviz.network.study import Counted, OperatorMode, slowly, studied, study, where

CallKeep = Mapping[tuple[str, int], Tensor]  # (call, dimension) → bool for each index along it
PAIRED = ("topk", "sort", "kthvalue")  # values with the places where they were found


class _KeptOnly(OperatorMode):
    """Runs each call that averages over units on those that stay."""

    def __init__(self, stays: CallKeep) -> None:
        super().__init__()
        self._stays: dict[str, tuple[int, Tensor]] = {
            key: (dim, keep) for (key, dim), keep in stays.items() if not bool(keep.all())
        }
        self.anything = bool(self._stays)
        self._counted = Counted()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        key = self._counted.key(func)
        if key not in self._stays:
            return func(*args, **(kwargs or {}))
        dim, keep = self._stays[key]
        fewer, options = kept_only(key, args, kwargs or {}, dim, keep)
        out = func(*fewer, **options)
        return spread(key, out, args[0], dim, keep)


class _Chooses(BaseException):
    """A network is about to choose by value, before it is known what another has chosen."""


class _Decisions(OperatorMode):
    """Notes what is chosen by value, or repeats what was noted, or ends where it is not known."""

    def __init__(self, noted: Mapping[str, Any] | None = None, unknown: bool = False) -> None:
        super().__init__()
        self.noted: dict[str, Any] = {}
        self.weighed: list[Tensor] = []
        self._repeated, self._unknown = noted, unknown
        self._counted = Counted()
        self._inside = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if self._inside or not _is_decision(args, kwargs, out):
            return out
        key = self._counted.key(func)
        self.noted[key] = out
        if self._unknown:
            raise _Chooses
        self.weighed += [tensor.clone() for tensor in _tensors(args) if tensor.is_floating_point()]
        before = None if self._repeated is None else self._repeated.get(key)
        return out if before is None else _repeat(key, func, args, kwargs, out, before)

    @contextmanager
    def outside(self, model: nn.Module, paths: Sequence[str]) -> Iterator[nn.Module]:
        """Note nothing of what goes on in some modules: another network does without them."""

        def step(by: int) -> Any:
            def hook(*_: Any) -> None:
                self._inside += by

            return hook

        hooks = []
        try:
            for module in (model.get_submodule(read_bypass(path)[0]) for path in paths):
                hooks.append(module.register_forward_pre_hook(step(1)))
                hooks.append(module.register_forward_hook(step(-1)))
            yield model
        finally:
            for hook in hooks:
                hook.remove()


def _is_decision(args: Any, kwargs: Any, out: Any) -> bool:
    """Whether whole numbers or truth values come out where fractions go in."""
    found = [out] if isinstance(out, Tensor) else tree_leaves(out)
    if not any(
        not (x.is_floating_point() or x.is_complex())
        if isinstance(x, Tensor)
        else isinstance(x, int | float)
        for x in found
    ):
        return False
    return any(x.is_floating_point() for x in _tensors((args, kwargs)))


def _repeat(key: str, func: Any, args: Any, kwargs: Any, out: Any, before: Any) -> Any:
    """Return what was chosen before, where it fits."""
    if key.partition("#")[0] in PAIRED:
        names = [argument.name for argument in func._schema.arguments]
        dim = {**dict(zip(names, args, strict=False)), **kwargs}.get("dim", -1)
        return (args[0].gather(dim, before[1]), before[1])
    if isinstance(out, Tensor):
        return before if before.shape == out.shape or key.startswith("nms") else out
    if isinstance(out, list | tuple):
        same = [
            b if isinstance(o, Tensor) and not o.is_floating_point() and b.shape == o.shape else o
            for o, b in zip(out, before, strict=True)
        ]
        return type(out)(same) if type(out) is list else tuple(same)
    return before


def answers(
    masked: Callable[[], nn.Module],
    cut: nn.Module,
    example: Any,
    stays: CallKeep,
    failed: list[str] | None = None,
    bypassed: Sequence[str] = (),
    choosing: Sequence[str] = (),
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the tensors that the masked and the cut network answer an example with.

    Those that they choose by value from follow. `masked` builds a network of its own, `stays` says
    over which indices it averages; the cut one repeats its decisions, but for those in the modules
    that it bypasses, and in those that are `choosing` among fewer, which it makes itself. The
    modules in which the cut one fails are put into `failed`, the innermost first.
    """
    failed = [] if failed is None else failed
    some = _KeptOnly(stays)
    averaging = some if some.anything else nullcontext()
    deciding = _Decisions()
    with ONE_TRACE, torch.no_grad(), slowly(cut):
        looked_at = study(cut)
        second = _undecided(looked_at, example, failed)
        whole = masked()
        preview = studied(whole, whole)
        if second is not None:  # what chooses nothing has nothing to repeat
            with averaging:
                return _answer(preview, example), second
        with deciding.outside(preview, (*bypassed, *choosing)), deciding, averaging:
            first = _answer(preview, example)
        repeating = _Decisions(deciding.noted)
        with where(looked_at, failed), repeating.outside(looked_at, choosing), repeating:
            second = _answer(looked_at, example)
    for one, other in zip(deciding.weighed, repeating.weighed, strict=False):
        # Where fewer channels are weighed, or what has no number, the answers have to do.
        if one.shape == other.shape and bool(torch.isfinite(one).all()):
            first.append(one)
            second.append(other)
    return first, second


def _undecided(cut: nn.Module, example: Any, failed: list[str]) -> list[Tensor] | None:
    """Return the answer of a cut network that chooses nothing by value, None where it does.

    Most cuts that do not hold end here, without any run of the masked network.
    """
    choosing = _Decisions(unknown=True)
    answer, fault = None, None
    try:
        with choosing:
            answer = _answer(cut, example)
    except (Exception, _Chooses) as error:
        fault = error
    if choosing.noted:
        return None
    if fault is not None:
        # Most passes need not be watched. Outside of what handles the fault, or it would seem to
        # be every module's own.
        with where(cut, failed):
            _answer(cut, example)
        failed.clear()  # it fails now and then, and nobody knows where
        raise fault
    return answer


def _answer(model: nn.Module, example: Any) -> list[Tensor]:
    """Return the tensors a network answers with; what it draws at random is the same each time."""
    with generators(0):
        return _tensors(call(model, example))


def _tensors(output: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
