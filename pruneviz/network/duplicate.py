"""A deep copy of a network: the same in every respect, several times as fast as Python's own.

Nothing else copies a module, because Python's way loses what classes forget that say themselves how
they are copied: torch's traced graphs come out in training mode and without their hooks.
"""

from __future__ import annotations

import copy
import copyreg
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import Tensor, fx, nn

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import tracing

Memo = dict[int, Any]
M = TypeVar("M", bound=nn.Module)
_ATOMS = frozenset([type(None), bool, int, float, complex, str, bytes])
_PLAIN = frozenset([Tensor, nn.Parameter])
_HOOKS = tuple(name for name in vars(nn.Module()) if "hooks" in name)


def duplicate(model: M, memo: Memo | None = None) -> M:
    """Return a deep copy in which each module has its source's mode, buffers, hooks and sharing.

    `memo` gives by identity what stands for an object instead of a copy. A module has some thirty
    attributes, most of them numbers and empty dictionaries, for which the general way asks many
    questions; what is anything else, and modules that say themselves how they are copied, go it.
    ValueError names what cannot be copied.
    """
    memo = {} if memo is None else memo
    given = dict(memo)
    try:
        _share_storage(model, memo)
        made: M = _copy(model, memo)
    # What a module holds may be of any kind, and say in any way that there is only one of it.
    except Exception as error:
        raise RefusedError(tracing.not_copied(_single(model), str(error))) from error
    if not all(_known_way(module) for module in model.modules()):
        _make_alike(model, made, given, memo)
    return made


def sharing(model: M, others: Mapping[int, Tensor] = MappingProxyType({})) -> M:
    """Return a copy with the same tensors, so that hooks and what stands in it are nobody else's.

    `others` gives by identity the tensors that stand there instead. Another thread may copy, cut or
    ask the model while such a copy is looked at with other weights.
    """
    tensors = [*model.parameters(), *model.buffers()]
    return duplicate(model, {**{id(tensor): tensor for tensor in tensors}, **others})


def _single(model: nn.Module) -> str:
    """Return what of a model cannot be copied: an attribute of a module, or the model itself."""
    parts = ("_modules", "_parameters", "_buffers")
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            try:
                _copy(value if name not in parts else None, {})
            except Exception:  # the one that was met above, or another that is as much in the way
                return f"'{f'{path}.{name}' if path else name}'"
    return "this model"


def _copy(value: Any, memo: Memo) -> Any:
    kind: Any = type(value)
    if kind in _ATOMS:
        return value
    if id(value) in memo:
        return memo[id(value)]
    if (kind is dict or kind is OrderedDict) and not (kind is OrderedDict and vars(value)):
        made = memo[id(value)] = kind()
        for key, part in value.items():
            made[_copy(key, memo)] = _copy(part, memo)
        return made
    if kind is list:
        parts = memo[id(value)] = []
        parts.extend(_copy(part, memo) for part in value)
        return parts
    if kind is set and not value:
        return memo.setdefault(id(value), set())
    if kind is Tensor and not value.is_leaf:  # what a pass with gradients left behind
        return memo.setdefault(id(value), copy.deepcopy(value.detach(), memo))
    return _module(value, memo) if isinstance(value, nn.Module) else copy.deepcopy(value, memo)


def _module(module: nn.Module, memo: Memo) -> Any:
    kind: Any = type(module)
    if isinstance(module, fx.GraphModule) and _is_graph(module):
        return _graph(module, memo)
    if not _is_usual(kind):
        return copy.deepcopy(module, memo)
    state = module.__getstate__()
    if type(state) is not dict:
        return copy.deepcopy(module, memo)
    made = memo[id(module)] = type(module).__new__(type(module))
    made.__setstate__({name: _copy(value, memo) for name, value in state.items()})
    return made


def _graph(module: fx.GraphModule, memo: Memo) -> fx.GraphModule:
    """Copy a traced graph by its state, and compile the forward pass that it is in."""
    made: fx.GraphModule = type(module).__new__(type(module))
    memo[id(module)] = made
    type(made).__name__ = type(module).__name__
    for name, value in vars(module).items():
        vars(made)[name] = _copy(value, memo)
    made.graph = vars(made)["_graph"]
    return made


_OWN_WAYS = ("__deepcopy__", "__reduce_ex__", "__reduce__", "__getnewargs__", "__getnewargs_ex__")


@cache
def _is_usual(kind: Any) -> bool:
    """Whether Python would copy objects of a class by their state and nothing else."""
    bases = [base for base in kind.__mro__ if base is not object]
    says_how = any(name in vars(base) for base in bases for name in _OWN_WAYS)
    return not says_how and kind not in copyreg.dispatch_table


def _known_way(module: Any) -> bool:
    kind: Any = type(module)
    return _is_usual(kind) or _is_graph(module)


def _is_graph(module: nn.Module) -> bool:
    """Whether a module is a traced graph that is copied as torch or torchvision say."""
    way = getattr(type(module), "__deepcopy__", None)
    return isinstance(module, fx.GraphModule) and way.__module__.startswith("torch")


def _tensors(model: nn.Module) -> Iterator[Any]:
    """Yield the tensors that modules hold: parameters, buffers and plain attributes."""
    for module in model.modules():
        for part in (module._parameters, module._buffers, vars(module)):
            yield from (value for value in part.values() if type(value) in _PLAIN)


def _share_storage(model: nn.Module, memo: Memo) -> None:
    """Let tensors that lie in one memory without being one object do so in the copy.

    Python's copy keeps that between plain tensors alone. Where another tensor stands for one of
    them, those that show the same values show the other's.
    """
    together: dict[int, dict[int, Tensor]] = {}
    for tensor in _tensors(model):
        if tensor.layout is torch.strided and tensor.is_leaf and not tensor.is_meta:
            together.setdefault(tensor.untyped_storage()._cdata, {})[id(tensor)] = tensor
    for tensors in together.values():
        if len(tensors) < 2:
            continue
        stand_ins = [(t, memo[id(t)]) for t in tensors.values() if id(t) in memo]
        for tensor in tensors.values():
            if id(tensor) in memo:
                continue
            values = next(
                (new.detach() for old, new in stand_ins if _shows(tensor) == _shows(old)), None
            )
            if values is None:
                values = copy.deepcopy(tensor.detach(), memo)
            is_parameter = isinstance(tensor, nn.Parameter)
            memo[id(tensor)] = (
                nn.Parameter(values, tensor.requires_grad) if is_parameter else values
            )


def _shows(tensor: Tensor) -> object:
    return tensor.shape, tensor.stride(), tensor.storage_offset(), tensor.dtype


def _make_alike(model: nn.Module, made: nn.Module, given: Memo, memo: Memo) -> None:
    """Give modules that came another way what their class forgot: tensors given, hooks, mode."""
    copies = dict(made.named_modules(remove_duplicate=False))
    pairs = [(module, copies[path]) for path, module in model.named_modules() if path in copies]
    for module, mine in pairs:
        if mine is not module:
            _give_back(module, mine, given, memo)
    for module, mine in pairs:  # a class may refuse a mode, and its parents set that of their parts
        mine.training = module.training


def _give_back(module: nn.Module, mine: nn.Module, given: Memo, memo: Memo) -> None:
    for own, theirs in (
        (mine._parameters, module._parameters),
        (mine._buffers, module._buffers),
    ):
        own.update({name: given[id(t)] for name, t in theirs.items() if id(t) in given})
    for name in _HOOKS:
        if vars(module)[name] and not vars(mine)[name]:
            vars(mine)[name] = _copy(vars(module)[name], memo)
    if mine.training != module.training:
        mine.train(module.training)
