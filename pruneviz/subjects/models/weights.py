"""Weights files: safetensors, checked before they are read; what could run code is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals.subjects import weight_files

MAX_HEADER_BYTES = 100_000_000  # the format's own limit
MOST_NAMED = 5
COUNTED = "num_batches_tracked"
LOOKED_THROUGH = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
PICKLE_STARTS = tuple(bytes((0x80, protocol)) for protocol in (2, 3, 4, 5))


def read_weights(path: Path, *, single: bool = False) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file; ValueError says what is wrong with the file.

    With `single`, fractions in another precision come in single precision, one tensor after the
    other: the file is not held beside them.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise RefusedError(weight_files.no_file(str(path)))
    with path.open("rb") as file:
        check_header(path.name, file.read(MAX_HEADER_BYTES + 8), path.stat().st_size)
    try:
        tensors: dict[str, Tensor] = _in_single(path) if single else load_file(path)
    except SafetensorError as error:
        raise RefusedError(weight_files.not_valid(path.name, str(error))) from error
    refuse_nan(path.name, tensors)
    return tensors


def _in_single(path: Path) -> dict[str, Tensor]:
    from safetensors import safe_open

    found: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
    for name in names:
        # what was read of a file lies in memory for as long as it is open
        with safe_open(path, framework="pt") as file:
            tensor = file.get_tensor(name)
        found[name] = tensor.float() if tensor.is_floating_point() else tensor
        del tensor
    return found


def check_header(name: str, start: bytes, size: int) -> None:
    """Raise ValueError unless `start`, the first bytes of a file of `size` bytes, is safetensors.

    A truncated file, a pickle and a header that points outside the file are each told apart.
    """
    length = int.from_bytes(start[:8], "little")
    is_other = size < 8 or length > MAX_HEADER_BYTES or start[8:9] != b"{"
    # A header of 640 bytes begins like a pickle, so the brace after its length decides.
    is_pickle = (is_other and start[:2] in PICKLE_STARTS) or start[:4] == b"PK\x03\x04"
    if is_pickle or name.lower().endswith(PICKLES):
        raise RefusedError(weight_files.pickled(name))
    if is_other:
        raise RefusedError(weight_files.no_safetensors(name))
    if size < 8 + length:
        raise RefusedError(weight_files.truncated(name, 8 + length, size))
    expected = 8 + length + _data_bytes(name, start[8 : 8 + length])
    if size < expected:
        raise RefusedError(weight_files.truncated(name, expected, size))


def _data_bytes(name: str, header: bytes) -> int:
    """Return how many bytes of tensors a safetensors header announces."""
    try:
        entries: dict[str, Any] = json.loads(header)
        ends = [int(e["data_offsets"][1]) for k, e in entries.items() if k != "__metadata__"]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise RefusedError(weight_files.header_damaged(name)) from error
    return max(ends, default=0)


def refuse_nan(name: str, tensors: Mapping[str, Tensor]) -> None:
    """Raise ValueError, naming the tensors, if any value is NaN or infinite."""
    values = {k: t for k, t in tensors.items() if isinstance(t, Tensor)}  # a state may have others
    broken = [k for k, t in values.items() if t.is_floating_point() and not _finite(t)]
    if broken:
        raise RefusedError(weight_files.not_finite(name, some(broken)))


def _finite(tensor: Tensor) -> bool:
    """Whether all values are finite, with nothing as large as the tensor beside it."""
    if not tensor.numel() or tensor.dtype not in LOOKED_THROUGH:
        return bool(tensor.isfinite().all())
    return bool(torch.stack(tensor.aminmax()).isfinite().all())  # NaN is both of them


def some(names: list[str]) -> str:
    """Return at most five names as text, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f", +{more} more" if more > 0 else "")


# What the older and the newer weight_norm and spectral_norm of torch call the same tensors.
OLD_AND_NEW = (
    ("{}_g", "parametrizations.{}.original0"),
    ("{}_v", "parametrizations.{}.original1"),
    ("{}_orig", "parametrizations.{}.original"),
    ("{}_u", "parametrizations.{}.0._u"),
    ("{}_v", "parametrizations.{}.0._v"),
)


def _named_alike(own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors by the names that a model has for them: old for new ones, or new for old."""
    renamed = dict(tensors)
    for name in own:
        for other in _other_names(name):
            if name not in tensors and other in tensors and other not in own:
                renamed[name] = renamed.pop(other)
                break
    return renamed


def _other_names(name: str) -> Iterator[str]:
    """Yield what a part of a computed weight would be called by the other version of torch."""
    for pair in OLD_AND_NEW:
        for mine, theirs in (pair, pair[::-1]):
            before, after = mine.split("{}")
            if name.endswith(after) and before in name:
                start, _, rest = name.rpartition(before) if before else ("", "", name)
                path, dot, weight = rest.removesuffix(after).rpartition(".")
                yield start + path + dot + theirs.format(weight)


def fit_weights(model: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Copy tensors into a model just built; ValueError lists those missing or not fitting."""
    own = model.state_dict()
    tensors = _named_alike(own, tensors)
    given = {t.data_ptr() for k, t in own.items() if k in tensors and t.numel()}
    # A count that no forward pass reads in eval mode, which many exporters leave out; and a second
    # name of a tensor that is given under its first one, as safetensors saves shared tensors.
    optional = {k for k in own if k.endswith(COUNTED)}
    optional |= {k for k, t in own.items() if t.data_ptr() in given}
    missing = [k for k in own if k not in tensors and k not in optional]
    unexpected = [k for k in tensors if k not in own]
    misfits = [
        weight_files.of_another_shape(k, tuple(tensors[k].shape), tuple(t.shape))
        for k, t in own.items()
        if k in tensors and tensors[k].shape != t.shape
    ]
    if not own.keys() & tensors.keys() and _shapes(own) == _shapes(tensors):
        raise RefusedError(weight_files.other_names(name, len(own), missing[0], unexpected[0]))
    faults = misfits_of(misfits, missing, unexpected)
    if faults:
        raise RefusedError(weight_files.not_fitting(name, faults))
    with torch.no_grad():
        model.load_state_dict({**own, **tensors})


def _shapes(tensors: Mapping[str, Tensor]) -> list[tuple[int, ...]]:
    return sorted(tuple(t.shape) for k, t in tensors.items() if not k.endswith(COUNTED))


def other_classes(model: nn.Module, tensors: Mapping[str, Tensor]) -> int | None:
    """Return how many classes weights have where a model just built differs in that alone."""
    own = model.state_dict()
    found = {
        t.shape[0]
        for k, t in tensors.items()
        if k in own and t.dim() and t.shape != own[k].shape and t.shape[1:] == own[k].shape[1:]
    }
    return found.pop() if len(found) == 1 else None


def misfits_of(misfits: list[Fact], missing: list[str], unexpected: list[str]) -> tuple[Fact, ...]:
    """Return why weights do not fit: tensors of another shape, missing ones, and others."""
    more = max(0, len(misfits) - MOST_NAMED)
    found = (
        weight_files.misfits(tuple(misfits[:MOST_NAMED]), more) if misfits else None,
        weight_files.missing(some(missing)) if missing else None,
        weight_files.unexpected(some(unexpected)) if unexpected else None,
    )
    return tuple(fault for fault in found if fault)
