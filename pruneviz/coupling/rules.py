"""Which rule an operator follows; one without a rule pins every id that reaches it."""

from typing import Any

import torch

from pruneviz.coupling import contractions, operators
from pruneviz.coupling.call import Rule, pin

RULES: dict[str, Rule] = {
    **dict.fromkeys(operators.MOVES, operators.move),
    **dict.fromkeys(operators.PARTS, operators.part),
    **dict.fromkeys(operators.SHAPE_ONLY, operators.shape_only),
    **dict.fromkeys(operators.SPATIAL, operators.spatial),
    **dict.fromkeys(operators.REDUCTIONS, operators.reduce),
    **dict.fromkeys(operators.ALONG, operators.along),
    **dict.fromkeys(contractions.BATCH_NORMS, contractions.batch_norm),
    "cat": operators.concatenate,
    "constant_pad_nd": operators.pad,
    "convolution": contractions.convolve,
    "mm": contractions.multiply,
    "addmm": contractions.multiply,
    "native_layer_norm": contractions.layer_norm,
    "native_group_norm": contractions.layer_norm,
}


def rule_for(op: Any) -> Rule:
    """Return the rule of an operator overload: by name, as pointwise, or the one that pins."""
    name = op.overloadpacket.__name__
    if name in RULES and not (name in ("max", "min") and op._overloadname == "other"):
        return RULES[name]
    out_of_place = getattr(torch.ops.aten, name.rstrip("_"), op.overloadpacket)
    overloads = (getattr(out_of_place, overload) for overload in out_of_place.overloads())
    tagged = any(torch.Tag.pointwise in overload.tags for overload in (op, *overloads))
    return operators.pointwise if tagged or name.rstrip("_") in POINTWISE else pin


POINTWISE = frozenset("dropout native_dropout hardtanh hardswish copy fill _prelu_kernel".split())
