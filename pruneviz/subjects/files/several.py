"""Inputs of an npz file that are taken as they are: several tensors, and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pruneviz.network.inputs import Inputs
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import array_files

ONE = ("x",)
LOOKS_UP = nn.Embedding | nn.EmbeddingBag
TRAIN = "train_"


def input_names(
    file: str, there: Sequence[str], other: Sequence[str], takes: Mapping[str, bool]
) -> tuple[str, ...]:
    """Return which arrays of those `there` are the inputs, in their order; `other` are none.

    They are `x` alone, the parameters of the model's forward that it `takes`, each with whether it
    must be given, or `x0`, `x1`, … by place. RefusedError where they are none of these.
    """
    needed = [name for name, must in takes.items() if must]
    named = tuple(name for name in takes if name in there and name not in other)
    if "x" in there and not (len(named) > 1 and set(needed) <= set(named)):
        return ONE
    if len(named) > 1 and set(needed) <= set(named):
        return named
    placed: list[str] = []
    while f"x{len(placed)}" in there:
        placed.append(f"x{len(placed)}")
    if len(placed) > 1:
        return tuple(placed)
    if len(needed) > 1:
        raise RefusedError(array_files.other_inputs(file, tuple(there), tuple(needed)))
    raise RefusedError(array_files.lacks(file, ONE, tuple(there)))


def as_inputs(
    arrays: Mapping[str, NDArray[Any]], names: Sequence[str], part: str, takes: Mapping[str, bool]
) -> Inputs:
    """Return a part's arrays as a batch, by name where the forward `takes` them so, else by place.

    Numbers with fractions become float32, whole ones int64.
    """
    found = {name: _tensor(arrays[f"{part}{name}"], f"{part}{name}") for name in names}
    return Inputs(kwargs=found) if set(names) <= set(takes) else Inputs(tuple(found.values()))


def are_tokens(x: NDArray[Any], first: nn.Module | None) -> bool:
    """Say whether x is whole numbers (N, places) that a model's first layer looks up."""
    return isinstance(first, LOOKS_UP) and x.dtype.kind in "iu" and x.ndim == 2 and x.size > 0


def as_tokens(x: NDArray[Any], name: str, first: nn.Module | None) -> Tensor:
    """Return whole numbers (N, places), int64; RefusedError where the layer knows them not."""
    assert isinstance(first, LOOKS_UP)
    if not are_tokens(x, first):
        raise RefusedError(array_files.no_tokens(name, tuple(x.shape), str(x.dtype)))
    low, high, known = int(x.min()), int(x.max()), first.num_embeddings
    if low < 0 or high >= known:
        raise RefusedError(array_files.beyond_the_layer(name, low, high, known))
    return torch.from_numpy(x.astype(np.int64))


def _tensor(values: NDArray[Any], name: str) -> Tensor:
    if values.dtype.kind not in "biuf" or values.ndim == 0:
        raise RefusedError(array_files.of_no_numbers(name, str(values.dtype)))
    if values.dtype.kind == "b":
        return torch.from_numpy(values)
    kind: Any = np.float32 if values.dtype.kind == "f" else np.int64
    return torch.from_numpy(values.astype(kind))
