"""The trace: one real forward pass in which every tensor carries the ids of what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.coupling.accept import answer, ready
from pruneviz.coupling.call import Call, Rule, Tags, mark_fixed
from pruneviz.coupling.groups import Coupling, groups_of
from pruneviz.coupling.ids import Ids, small, varying
from pruneviz.coupling.interpretations import FIRST_INTERPRETATION, WHOLE
from pruneviz.coupling.remembered import Asking, watching
from pruneviz.coupling.rules.operators import FILLS, MOVES, REFILLS, RESHAPES
from pruneviz.coupling.rules.parts import PARTS
from pruneviz.coupling.rules.rows import onto_whole, write_part
from pruneviz.coupling.rules.table import rule_for
from pruneviz.coupling.tensor_facts import Beside
from pruneviz.network.cuttable_forms.recurrent import following
from pruneviz.network.one_trace import ONE_TRACE
from pruneviz.network.study import Counted, OperatorMode, path_through, slowly, study
from pruneviz.wording import RefusedError, stays
from pruneviz.wording.refusals import tracing

NOTHING, ONE_VALUE = range(2)  # what a tensor that the pass makes is filled with


class _Trace(OperatorMode):
    """Runs every operator as it is and applies its rule to the ids of its arguments."""

    def __init__(self, ids: Ids, interpretations: Mapping[str, int]) -> None:
        super().__init__()
        self.ids = ids
        self._interpretations, self._counted = interpretations, Counted()
        self.owners: list[str] = []
        self.taken: dict[str, Any] = {}
        self.asking = Asking()
        self._blank: Beside[int] = Beside()
        self._carried: Beside[Tags] = Beside()
        self._fed: Beside[bool] = Beside()

    def tags(self, value: Any) -> Tags:
        """Return the id tensors of a value, () where it has none."""
        if not isinstance(value, Tensor):
            return ()
        carried = self._carried.get(value)
        if carried is not None:
            return carried
        own = self.ids.of_parameter(value)
        if own is None:
            return ()
        self._carry(value, own)
        return own

    def is_blank(self, tensor: Tensor) -> bool:
        """Return whether a tensor was filled during the pass, with one value or nothing yet."""
        return self._blank.get(tensor) is not None

    def is_given(self, tensor: Tensor) -> bool:
        """Return whether nothing but fills and buffers is in a tensor: no input and no weight."""
        return self.is_blank(tensor) or self.ids.are_buffers(self.tags(tensor))

    def feed(self, tensors: Iterable[Any]) -> None:
        """Note tensors that follow from the network's inputs."""
        for tensor in tensors:
            if isinstance(tensor, Tensor):
                self._fed.put(tensor, True)

    def _is_fed(self, *values: Any) -> bool:
        return any(self._fed.get(tensor) is not None for tensor in _leaves(values))

    def _note_fed(self, func: Any, args: tuple[Any, ...], kwargs: Any, out: Any) -> None:
        """Note what comes out of a call, or is written to, where an input goes in."""
        if self._is_fed(args, kwargs):
            self.feed(_leaves(out))
            if func._schema.is_mutable and args and isinstance(args[0], Tensor):
                self.feed((args[0], args[0]._base))

    def forget(self) -> None:
        """Let go of all that was noted beside tensors."""
        self._fed.clear()
        self._blank.clear()
        self._carried.clear()

    def _note_blank(self, func: Any, args: tuple[Any, ...], out: Any) -> None:
        """Note a tensor that is filled with one value or nothing yet, or is a part of such a one.

        Where nothing was, a part may be filled with one value; another value is content.
        """
        name = func.overloadpacket.__name__
        if func._schema.is_mutable:
            written = args[0] if isinstance(args[0], Tensor) else None
            for tensor in (written, getattr(written, "_base", None)):
                if tensor is not None and name in REFILLS and self._blank.get(tensor) == NOTHING:
                    self._blank.put(tensor, ONE_VALUE)
                else:
                    self._blank.drop(tensor)
            return
        source = args[0] if args and isinstance(args[0], Tensor) else None
        blank = None
        if name in FILLS:
            blank = NOTHING if "empty" in name else ONE_VALUE
        elif source is not None and name in (*MOVES, *PARTS):
            single = source.numel() == 1 and self.ids.is_buffer(source)  # repeated, it is a fill
            blank = ONE_VALUE if single else self._blank.get(source)
        if blank is not None:
            for tensor in _leaves(out):
                self._blank.put(tensor, blank)

    def _carry(self, tensor: Any, tags: Tags) -> None:
        if isinstance(tensor, Tensor) and tags:
            self._carried.put(tensor, tuple(t for t in tags if varying(t)))

    def _taken_by(self, owner: str) -> Tags:
        """Return the ids of what a module was called with."""
        leaves = tree_leaves(self.taken.get(owner, ()))
        return tuple(tag for leaf in leaves for tag in self.tags(leaf))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        key = self._counted.key(func)
        out = func(*args, **kwargs)
        if any(self.tags(tensor) for tensor in _leaves((args, kwargs))):
            self._follow(func, args, kwargs, key, out)
        self._note_blank(func, args, out)
        self._note_fed(func, args, kwargs, out)
        return out

    def _follow(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], key: str, out: Any
    ) -> None:
        """Let what comes out of a call carry the ids that its rule gives it."""
        rule = rule_for(func)
        writes_part = func._schema.is_mutable and isinstance(args[0], Tensor) and args[0]._is_view()
        if writes_part and not self.tags(args[0]):
            rule = write_part if func is torch.ops.aten.copy_.default else mark_fixed
        others = torch._C._len_torch_dispatch_stack()  # this one is off while it handles a call
        with torch.utils._python_dispatch._disable_current_modes() if others else nullcontext():
            owner = self.owners[-1] if self.owners else ""
            interpretation = self._interpretations.get(key, FIRST_INTERPRETATION)
            call = Call(
                self.ids, func, args, kwargs, self.tags, out, key, owner, interpretation,
                self.is_blank,
                lambda: self._taken_by(owner),
                self.asking.asked,
                self.asking.given,
                self._is_fed(args, kwargs),
            )  # fmt: skip
            result = _followed(rule, call)
            if rule is write_part and result:
                whole = args[0]._base
                kept = [t for t in self.tags(whole) if varying(t)]
                written = [onto_whole(args[0], whole, tag) for tag in result]
                new = [t for t in written if not any(varying(t) == varying(k) for k in kept)]
                self._carry(whole, (*kept, *new))
        if isinstance(out, list | tuple):
            for tensor, tags in zip(out, result, strict=True):
                self._carry(tensor, tags)
        else:
            self._carry(out, result)


def _leaves(value: Any) -> Iterator[Tensor]:
    """Return the tensors among an operator's arguments or results."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, dict):
        yield from _leaves([*value.values()])


def _followed(rule: Rule, call: Call) -> Any:
    try:
        return rule(call)
    except (RuntimeError, IndexError, KeyError, TypeError, ValueError, AttributeError):
        # A rule that does not fit an unusual call must not guess: what it met is never cut.
        return mark_fixed(call)


def trace(
    model: nn.Module, example: Any, interpretations: Mapping[str, int] = MappingProxyType({})
) -> Coupling:
    """Find which channels and neurons must go together, index by index, in one forward pass.

    `example` is a batch the model accepts, or a tuple of its arguments. `interpretations` says for
    calls that can be read in several ways (a view that splits channels) which one to take; the
    first where it says nothing. The model is left as it was. What cannot be followed is never cut:
    it is listed in `Coupling.skipped` with its reason.
    """
    model = ready(model, example)
    coupling = _traced(model, example, interpretations)
    whole = {
        choice.key: WHOLE
        for choice in coupling.held
        if choice.key.startswith(RESHAPES) and choice.key not in interpretations
    }
    if not whole:
        return coupling
    # Where nothing inside the parts can go, whole parts may.
    other = _traced(model, example, {**interpretations, **whole})
    return other if other.reach > coupling.reach else coupling


def _traced(model: nn.Module, example: Any, interpretations: Mapping[str, int]) -> Coupling:
    """Look at one forward pass, with the interpretations that `interpretations` names."""
    studied = study(model)
    ids = Ids(studied)
    mode = _Trace(ids, interpretations)
    mode.feed(tree_leaves(example))
    with (
        ONE_TRACE,
        torch.no_grad(),
        path_through(studied, mode.owners, taken=mode.taken),
        slowly(studied),
        watching(studied, ids.reads),
        following(mode.is_given),
        mode.asking,
        mode,
    ):
        output = answer(studied, example)
    for leaf in tree_leaves(output):
        if not isinstance(leaf, Tensor | int | float | str | None):
            raise RefusedError(tracing.no_tensor_returned(type(leaf).__name__))
        for tag in mode.tags(leaf):
            ids.fix(small(tag), stays.answers(), foremost=True)
    mode.forget()
    return groups_of(studied, ids)
