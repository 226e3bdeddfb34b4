"""Which rule an operator follows; one without a rule pins every id that reaches it."""

from functools import cache
from typing import Any

import torch

from pruneviz.coupling.call import Rule, mark_fixed
from pruneviz.coupling.rules import (
    attention,
    averages,
    contractions,
    images,
    operators,
    parts,
    rows,
)

RULES: dict[str, Rule] = {
    **dict.fromkeys(operators.MOVES, operators.move),
    **dict.fromkeys(parts.PARTS, parts.part),
    **dict.fromkeys(operators.SHAPE_ONLY, operators.shape_only),
    **dict.fromkeys(operators.FRESH, operators.fresh),
    **dict.fromkeys(operators.SPATIAL, operators.spatial),
    **dict.fromkeys([*averages.REDUCTIONS, *averages.CHOICES], averages.reduce),
    **dict.fromkeys(averages.ALONG, averages.along),
    **dict.fromkeys(averages.ORDERED, averages.in_order),
    **dict.fromkeys(averages.LAYER_NORMS, averages.layer_norm),
    **dict.fromkeys(attention.ATTENTIONS, attention.attend),
    **dict.fromkeys(["bmm", "baddbmm"], attention.batched),
    **dict.fromkeys(averages.BATCH_NORMS, averages.batch_norm),
    "as_strided_": operators.restride,
    "stack": operators.stack,
    "glu": operators.gate_halves,
    "cat": operators.concatenate,
    **dict.fromkeys(["index_put", "index_put_"], rows.write_at),
    **dict.fromkeys(rows.WRITES, rows.write_along),
    "index": rows.look_up,
    "gather": rows.read_along,
    "pixel_shuffle": images.to_pixels,
    **dict.fromkeys(["grid_sampler_2d", "grid_sampler_3d"], images.sample_at),
    **dict.fromkeys(images.FOURIER, images.transform),
    "view_as_real": images.to_pairs,
    "view_as_complex": images.from_pairs,
    "channel_shuffle": operators.shuffle,
    "native_channel_shuffle": operators.shuffle,
    "constant_pad_nd": operators.pad,
    "convolution": contractions.convolve,
    "mm": contractions.multiply,
    "addmm": contractions.multiply,
    "_sparse_addmm": contractions.multiply,
    **dict.fromkeys(["mv", "dot", "vdot"], contractions.times_vector),
    averages.WEIGHT_NORM: averages.weight_norm,
    "native_group_norm": averages.group_norm,
    "_grouped_mm": contractions.grouped_product,
    "embedding": attention.embed,
    **dict.fromkeys(["_embedding_bag", "_embedding_bag_forward_only"], contractions.embed_bag),
    "roi_align": attention.align,
}


@cache
def rule_for(op: Any) -> Rule:
    """Return the rule of an operator overload: by name, as pointwise, or the one that pins."""
    name = op.overloadpacket.__name__
    if name in RULES and not (name in ("max", "min") and op._overloadname == "other"):
        return RULES[name]
    out_of_place = getattr(torch.ops.aten, name.rstrip("_"), op.overloadpacket)
    overloads = (getattr(out_of_place, overload) for overload in out_of_place.overloads())
    tagged = any(torch.Tag.pointwise in overload.tags for overload in (op, *overloads))
    return operators.pointwise if tagged or name.rstrip("_") in POINTWISE else mark_fixed


POINTWISE = frozenset(
    """
    dropout native_dropout hardtanh hardswish copy fill _prelu_kernel complex polar
""".split()
)
