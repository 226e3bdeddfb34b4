"""A deep copy of a network, several times as fast as Python's for many small modules."""

from __future__ import annotations

import copy
import copyreg
from collections import OrderedDict
from typing import Any

from torch import nn

Memo = dict[int, Any]
_ATOMS = frozenset([type(None), bool, int, float, complex, str, bytes])


def duplicate(model: nn.Module, memo: Memo) -> nn.Module:
    """Return what `copy.deepcopy(model, memo)` returns.

    `memo` gives by identity what stands for an object instead of a copy. A module has some thirty
    attributes, most of them numbers and empty dictionaries, for which the general way asks many
    questions; what is anything else, and modules that say themselves how they are copied, go it.
    """
    made: nn.Module = _copy(model, memo)
    return made


def _copy(value: Any, memo: Memo) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if id(value) in memo:
        return memo[id(value)]
    if (kind is dict or kind is OrderedDict) and not (kind is OrderedDict and vars(value)):
        made = memo[id(value)] = kind()
        for key, part in value.items():
            made[_copy(key, memo)] = _copy(part, memo)
        return made
    if kind is set and not value:
        return memo.setdefault(id(value), set())
    if isinstance(value, nn.Module) and _is_usual(type(value)):
        return _module(value, memo)
    return copy.deepcopy(value, memo)


def _module(module: nn.Module, memo: Memo) -> Any:
    state = module.__getstate__()
    if type(state) is not dict:
        return copy.deepcopy(module, memo)
    made = memo[id(module)] = type(module).__new__(type(module))
    made.__setstate__({name: _copy(value, memo) for name, value in state.items()})
    return made


_OWN_WAYS = ("__deepcopy__", "__reduce_ex__", "__reduce__", "__getnewargs__", "__getnewargs_ex__")


def _is_usual(kind: type) -> bool:
    """Whether Python would copy objects of a class by their state and nothing else."""
    bases = [base for base in kind.__mro__ if base is not object]
    says_how = any(name in vars(base) for base in bases for name in _OWN_WAYS)
    return not says_how and kind not in copyreg.dispatch_table
