"""Multiply-accumulates of operators, beside those of which torch counts the operations itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

aten: Any = torch.ops.aten
Count = Callable[..., int]
Shapes = tuple[Any, ...]
# of torch's own operators these multiply and are not counted: a part of a name
_MULTIPLY = (
    "fft", "cdist", "pdist", "euclidean_dist", "_rnn", "lstm", "gru", "linalg_", "solve",
    "cholesky", "geqrf", "ormqr", "linear_combination", "_mm", "addmm", "hspmm", "matmul",
    "semi_structured", "dtypes_linear", "mkldnn_linear", "conv_", "slow_conv", "convolution",
    "attention", "encoder_layer", "grid_sampler",
)  # fmt: skip
_NO_PRODUCTS = ("linalg_vector_norm", "check_errors", "linalg_cross", "fftfreq")
GRID_SAMPLE = "grid_sample"  # has operators of other names, by how many dimensions it has


def _each_number(*args: Any, out: Tensor) -> int:
    """Return one for each number of a matrix that a vector meets, or of the first of two."""
    return max(int(a.numel()) for a in args if isinstance(a, Tensor))


def _each_output(*args: Any, out: Tensor) -> int:
    return out.numel()


def _placed(theta: Tensor, *rest: Any, out: Tensor) -> int:
    """Return those of a grid of places, (B, …, D), that (B, D, D + 1) moves."""
    return out.numel() * theta.shape[-1]


def _time_first(x: Tensor, weight: Tensor, *rest: Any, out: Tensor) -> int:
    """Return those of a convolution over (T, B, C) with weights (kernel, C, outputs)."""
    return out.numel() * weight[..., 0].numel()


def _bag(weight: Tensor, indices: Tensor, *rest: Any, out: Any) -> int:
    """Return those of rows that are summed: none unless each has a factor of its own."""
    factors = [t for t in rest[1:] if isinstance(t, Tensor)]  # the first are the bags' beginnings
    return indices.numel() * weight.shape[1] if factors else 0


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


_COUNTS: dict[Any, Count] = {
    **dict.fromkeys((aten.mv, aten.addmv, aten.dot, aten.vdot), _each_number),
    aten.addr: _each_output,
    aten._trilinear: _trilinear,
    aten.addbmm: _summed_products,
    aten.affine_grid_generator: _placed,
    aten.conv_tbc: _time_first,
    **dict.fromkeys((aten._embedding_bag, aten._embedding_bag_forward_only), _bag),
}
_SPARSE = (aten.mm, aten.addmm, aten._sparse_addmm, aten.mv, aten.addmv)


def _optional() -> dict[Any, Count]:
    """Return the counts of what torchvision adds, where it is there."""
    packet = getattr(torch.ops.torchvision, "deform_conv2d", None)
    return {} if packet is None else {packet: _deformable}


def macs_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int | None:
    """Return the multiply-accumulates of a call; 0 where it multiplies nothing that counts.

    None where it multiplies, or may, and no formula is known.
    """
    packet = _in_place_or_not(func.overloadpacket)
    if any(isinstance(a, Tensor) and a.layout is not torch.strided for a in args):
        return _sparse(packet, args, func)
    if packet in flop_registry:
        formula = flop_registry[packet]
        of_shapes = getattr(formula, "__wrapped__", None)  # others may ask the values too
        if of_shapes is None:
            return int(formula(*args, **kwargs, out_val=out)) // 2
        return _from_shapes(of_shapes, _shape(args), _shape(tuple(kwargs.items())), _shape(out))
    count = _COUNTS.get(packet) or _optional().get(packet)
    if count is not None:
        return count(*args, out=out)
    return None if _multiplies(func) else 0


@lru_cache(4096)
def _from_shapes(formula: Count, args: Shapes, kwargs: Shapes, out: Any) -> int:
    """Return what torch's formula of shapes gives, which mostly is asked the same again."""
    return formula(*args, out_shape=out, **dict(kwargs)) // 2


def _shape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.shape
    return tuple(map(_shape, value)) if isinstance(value, list | tuple) else value


@cache
def _in_place_or_not(packet: Any) -> Any:
    """Return the operator of the same name that makes a new tensor, where there is one."""
    name = packet.__name__
    return getattr(aten, name[:-1], packet) if name.endswith("_") else packet


def _sparse(packet: Any, args: tuple[Any, ...], func: Any) -> int | None:
    """Return those of a product of which one side is sparse: only what it stores is multiplied."""
    if packet not in _SPARSE:
        return None if _multiplies(func) or packet in flop_registry else 0
    first, second = args[-2:] if packet in (aten.mm, aten.mv) else args[1:3]
    if (first.layout is torch.strided) == (second.layout is torch.strided):
        return None
    dense, sparse, shared = (
        (first, second, second.shape[0])
        if first.layout is torch.strided
        else (second, first, first.shape[1])
    )
    stored = sparse._values() if sparse.layout is torch.sparse_coo else sparse.values()
    return int(stored.numel()) * int(dense.numel()) // max(int(shared), 1)


def title(func: Any) -> str:
    """Return an operator's name as people know it, such as "fft_r2c" or "torchvision.roi_align"."""
    space, name = func.namespace, func.overloadpacket.__name__.strip("_")
    name = GRID_SAMPLE if GRID_SAMPLE in name else name
    return str(name) if space == "aten" else f"{space}.{name}"


@cache
def _multiplies(func: Any) -> bool:
    name = func.overloadpacket.__name__
    if func.namespace == "prim" or any(part in name for part in _NO_PRODUCTS):
        return False
    if func.namespace != "aten":
        return bool(name != "nms")  # what others wrote may do anything
    return any(part in name for part in _MULTIPLY)
