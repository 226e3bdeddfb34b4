"""Multiply-accumulates of operators, beside those of which torch counts the operations itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

aten: Any = torch.ops.aten
Count = Callable[..., int]
# of torch's own operators these multiply and are not counted: a part of a name
_MULTIPLY = ("fft", "cdist", "_rnn", "lstm", "gru", "linalg_", "sparse", "_mm", "_int_mm", "solve")
_NO_PRODUCTS = ("to_sparse", "sparse_resize", "coalesce", "linalg_vector_norm")


def _each_output(*args: Any, out: Tensor) -> int:
    """Return one for each pair of numbers that a matrix and a vector bring together."""
    return max(int(a.numel()) for a in args if isinstance(a, Tensor))


def _deformable(x: Tensor, weight: Tensor, *rest: Any, out: Tensor) -> int:
    """Return those of the convolution; the places that it reads are interpolated, as by pooling."""
    return int(out.numel() * weight[0].numel())


def _trilinear(a: Tensor, b: Tensor, c: Tensor, *expand: Any, out: Tensor) -> int:
    """Return one for each product of three numbers: outputs × both inputs, as in nn.Bilinear."""
    shapes = []
    for tensor, dims in zip((a, b, c), expand, strict=False):
        for dim in dims:
            tensor = tensor.unsqueeze(dim)
        shapes.append(tensor.shape)
    return int(torch.broadcast_shapes(*shapes).numel())


def _summed_products(_: Tensor, a: Tensor, b: Tensor, *rest: Any, out: Tensor) -> int:
    """Return those of matrix products that are added up: (B, n, m) × (B, m, p)."""
    return a.numel() * b.shape[2]


_COUNTS: dict[Any, Count] = dict.fromkeys(
    (aten.mv, aten.addmv, aten.dot, aten.vdot, aten.addr, aten.linalg_vecdot), _each_output
)
_COUNTS[aten._trilinear] = _trilinear
_COUNTS[aten.addbmm] = _summed_products


def _optional() -> dict[Any, Count]:
    """Return the counts of what torchvision adds, where it is there."""
    packet = getattr(torch.ops.torchvision, "deform_conv2d", None)
    return {} if packet is None else {packet: _deformable}


def macs_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """Return the multiply-accumulates of a call; 0 where it multiplies nothing that counts.

    None where it multiplies, or may, and no formula is known.
    """
    packet = func.overloadpacket
    if packet in flop_registry:
        return int(flop_registry[packet](*args, **kwargs, out_val=out)) // 2
    count = _COUNTS.get(packet) or _optional().get(packet)
    if count is not None:
        return count(*args, out=out)
    return None if _multiplies(func) else 0


def title(func: Any) -> str:
    """Return an operator's name as people know it, such as "fft_r2c" or "torchvision.roi_align"."""
    space, name = func.namespace, func.overloadpacket.__name__.strip("_")
    return str(name) if space == "aten" else f"{space}.{name}"


def _multiplies(func: Any) -> bool:
    name = func.overloadpacket.__name__
    if func.namespace == "prim" or any(part in name for part in _NO_PRODUCTS):
        return False
    if func.namespace != "aten":
        return bool(name != "nms")  # what others wrote may do anything
    return any(part in name for part in _MULTIPLY)
