"""The only operations that a recipe may name: ATen operators and arithmetic on sizes."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import torch

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import exporting

# What symbolic batch sizes are computed with.
SIZE_OPERATORS: dict[str, Callable[..., Any]] = {
    "operator.add": operator.add,
    "operator.sub": operator.sub,
    "operator.mul": operator.mul,
    "operator.floordiv": operator.floordiv,
    "operator.truediv": operator.truediv,
    "operator.mod": operator.mod,
    "operator.neg": operator.neg,
    "operator.eq": operator.eq,
    "operator.ne": operator.ne,
    "operator.lt": operator.lt,
    "operator.le": operator.le,
    "operator.gt": operator.gt,
    "operator.ge": operator.ge,
    "operator.getitem": operator.getitem,
}
_SIZE_NAMES = {function: name for name, function in SIZE_OPERATORS.items()}
_ATEN = re.compile(r"aten\.([a-z]\w*|__(?:and|or|xor)__)\.(\w+)", re.ASCII)
# Checks of the tracer that compute nothing.
CHECKS = ("aten._assert_", "aten.sym_constrain_range")


def operator_name(target: Any) -> str:
    """Return the name by which a recipe calls a graph node's target; ValueError if it has none."""
    if isinstance(target, torch._ops.OpOverload):
        name = str(target)
        if name.startswith(CHECKS):
            return name
        resolve(name)
        return name
    name = _SIZE_NAMES.get(target, "")
    if not name:
        raise RefusedError(exporting.operation_not_held(str(target)))
    return name


def resolve(name: object) -> Callable[..., Any]:
    """Return the function that a recipe means by `name`; ValueError on anything not allowed."""
    if isinstance(name, str) and name in SIZE_OPERATORS:
        return SIZE_OPERATORS[name]
    match = _ATEN.fullmatch(name) if isinstance(name, str) else None
    packet = getattr(torch.ops.aten, match[1], None) if match else None
    overload = getattr(packet, match[2], None) if match else None
    if not isinstance(overload, torch._ops.OpOverload) or not _harmless(overload):
        raise RefusedError(exporting.operation_not_allowed(repr(name)))
    return overload


def _harmless(overload: torch._ops.OpOverload) -> bool:
    """Whether an operator neither opens files, nor takes raw storage, nor skips bounds checks."""
    types = [(a.name, str(a.type)) for a in overload._schema.arguments]
    unchecked = overload._schema.name.startswith("aten::_unsafe")
    return not unchecked and not any(n == "filename" or "Storage" in t for n, t in types)
