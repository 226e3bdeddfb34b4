"""How pruned weights lie in a safetensors file, and its exact size without writing it.

A masked tensor `name` is stored as three tensors: `name/kept` (1-D, the values that stay, row by
row), `name/mask` (uint8, one bit an element, `numpy.packbits` order) and `name/shape` (int64).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import storing

KEPT, MASK, SHAPE = "/kept", "/mask", "/shape"
Layout = Mapping[str, tuple[torch.dtype, Sequence[int]]]

# safetensors writes wide types first, then by name; the order fixes the offsets in the header.
_DTYPES = {
    torch.uint64: "U64",
    torch.int64: "I64",
    torch.float64: "F64",
    torch.complex64: "C64",
    torch.float32: "F32",
    torch.uint32: "U32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint16: "U16",
    torch.int16: "I16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_RANK = {dtype: rank for rank, dtype in enumerate(_DTYPES)}
_ENTRY_BYTES = 128  # more than one header entry needs beside its name


def weights_file_bytes(tensors: Layout) -> int:
    """Return the bytes of the safetensors file that holds tensors of these dtypes and shapes.

    The file is an 8-byte length, a JSON header padded with spaces to a multiple of 8, and the data
    (https://github.com/huggingface/safetensors#format). RefusedError on a dtype it cannot hold.
    """
    for name, (dtype, _) in tensors.items():
        if dtype not in _RANK:
            spelled = str(dtype).removeprefix("torch.")
            raise RefusedError(storing.no_such_dtype(name, spelled, _form(dtype)))
    header: dict[str, object] = {}
    offset = 0
    for name in sorted(tensors, key=lambda n: (_RANK[tensors[n][0]], n)):
        dtype, shape = tensors[name]
        end = offset + prod(shape) * dtype.itemsize
        header[name] = {
            "dtype": _DTYPES[dtype],
            "shape": list(shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    return 8 + -(-len(text) // 8) * 8 + offset


def _form(dtype: torch.dtype) -> str:
    """Return which kind of numbers a dtype is of, as `storing.OTHER_TYPES` has them."""
    if dtype in (torch.qint8, torch.quint8, torch.qint32):
        return "quantised"
    return "complex" if dtype.is_complex else "other"


def stored_layout(state: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Layout:
    """Return dtype and shape of everything `pack` would store, by counting kept elements only."""
    _check(state, masks)
    layout: dict[str, tuple[torch.dtype, Sequence[int]]] = {}
    for name, tensor in state.items():
        kept = int(torch.count_nonzero(masks[name])) if name in masks else tensor.numel()
        if _packs(name, tensor, kept):
            layout[name + KEPT] = (tensor.dtype, (kept,))
            layout[name + MASK] = (torch.uint8, (-(-tensor.numel() // 8),))
            layout[name + SHAPE] = (torch.int64, (tensor.dim(),))
        else:
            layout[name] = (tensor.dtype, tuple(tensor.shape))
    return layout


def stored_bytes(state: Mapping[str, Tensor], masks: Mapping[str, Tensor] | None = None) -> int:
    """Return the bytes of the weights file for `state` when `masks` (True = stays) are packed."""
    return weights_file_bytes(stored_layout(state, masks or {}))


def pack(state: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors to store: masked ones as kept values and a bitmask where that is smaller.

    Masks are bool, shaped like their parameter, True = stays; a removed value is stored as zero.
    """
    _check(state, masks)
    stored: dict[str, Tensor] = {}
    for name, tensor in state.items():
        value, mask = tensor.detach(), masks.get(name)
        if mask is not None and _packs(name, value, int(torch.count_nonzero(mask))):
            stored[name + KEPT] = value[mask]
            stored[name + MASK] = torch.from_numpy(np.packbits(mask.flatten().cpu().numpy()))
            stored[name + SHAPE] = torch.tensor(value.shape, dtype=torch.int64)
        else:
            dense = value if mask is None else value.masked_fill(~mask, 0)
            # safetensors refuses views and tied tensors: each name gets memory of its own
            stored[name] = dense.clone(memory_format=torch.contiguous_format)
    return stored


def unpack(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state that `pack` was given, with zeros where nothing was kept.

    ValueError when the parts of a packed tensor do not fit each other.
    """
    state: dict[str, Tensor] = {}
    for key, tensor in stored.items():
        if key.endswith(KEPT):
            name = key.removesuffix(KEPT)
            state[name] = _unpacked(name, tensor, stored)
        elif not key.endswith((MASK, SHAPE)):
            state[key] = tensor
    return state


def _unpacked(name: str, kept: Tensor, stored: Mapping[str, Tensor]) -> Tensor:
    mask, shape = stored.get(name + MASK), stored.get(name + SHAPE)
    if mask is None or shape is None:
        raise RefusedError(storing.no_mask(name))
    size = [int(s) for s in shape.flatten().tolist()]
    count = prod(size)
    if min(size, default=0) < 0 or mask.dtype != torch.uint8 or mask.numel() != -(-count // 8):
        raise RefusedError(storing.mask_of_another_size(name, tuple(size)))
    bits = torch.from_numpy(np.unpackbits(mask.numpy(), count=count).astype(bool))
    if int(bits.sum()) != kept.numel():
        raise RefusedError(storing.values_for_another_mask(name, kept.numel(), int(bits.sum())))
    dense = torch.zeros(count, dtype=kept.dtype)
    dense[bits] = kept
    return dense.reshape(size)


def _packs(name: str, tensor: Tensor, kept: int) -> bool:
    """Whether kept values, bits and their three header entries surely take less than dense data."""
    data = kept * tensor.element_size() + -(-tensor.numel() // 8) + 8 * tensor.dim()
    header = 3 * (_ENTRY_BYTES + len(json.dumps(name)))
    return data + header < tensor.numel() * tensor.element_size()


def _check(state: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
    for name in state:
        if name.endswith((KEPT, MASK, SHAPE)):
            raise RefusedError(storing.reserved_name(name))
    for name, mask in masks.items():
        if name not in state:
            raise RefusedError(storing.mask_of_no_tensor(name))
        if mask.dtype != torch.bool or mask.shape != state[name].shape:
            needed, shape = tuple(state[name].shape), tuple(mask.shape)
            raise RefusedError(storing.no_bool_mask(name, needed, str(mask.dtype), shape))
