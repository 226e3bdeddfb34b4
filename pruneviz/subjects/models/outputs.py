"""What a model answers: what it is made of, and why it cannot be judged, with the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

MOST_PARTS = 4  # of an output that are named


def described(output: Any) -> str:
    """Return what a model's output is made of, such as "dict of logits: shape [2, 3]"."""
    if isinstance(output, Tensor):
        return f"shape {list(output.shape)}"
    if output is None:
        return "nothing"
    parts = [f"{name}: {described(part)}" for name, part, _ in _parts(output)]
    kind = type(output).__name__
    return f"{kind} of {', '.join(parts[:MOST_PARTS])}" if parts else kind


def check_tensors(output: Any) -> None:
    """Raise ValueError for an output in which no tensor can be found: nothing of it is followed."""
    leaves = tree_leaves(output)
    strange = [leaf for leaf in leaves if not isinstance(leaf, Tensor | int | float | str | None)]
    if not strange and any(isinstance(leaf, Tensor) for leaf in leaves):
        return
    found = f"the model's output ({described(output)}) has no tensor that can be followed"
    if output is None:
        raise ValueError(f"{found}: let its forward return its answer")
    best = _scores(output, None)
    remedy = (
        f"return {best} from its forward"
        if best
        else ("let its forward return tensors, alone or in lists, tuples or dictionaries")
    )
    raise ValueError(f"{found}: {remedy}")


def class_count(output: Any, rows: int) -> int:
    """Return how many classes an output for so many inputs tells apart; ValueError for none."""
    found = f"the model's output ({described(output)})"
    if not isinstance(output, Tensor) or output.dim() != 2:
        words, remedy = _no_classifier(output, rows)
        raise ValueError(f"only classifiers can be judged on data, and {found} {words}; {remedy}")
    if len(output) != rows:
        raise ValueError(
            f"{found} is not one row for each of {rows} inputs: let its forward keep the first "
            "axis of its input, or load it without data"
        )
    if output.is_complex():
        raise ValueError(f"{found} is complex, and class scores are real: return their .abs()")
    if output.dtype == torch.bool:
        raise ValueError(f"{found} is yes or no, and no score: return what it compares")
    if output.shape[1] == 1:
        raise ValueError(
            "the model has one output, and classifiers with a single score are not supported yet: "
            "a second output makes it one of two classes; or load it without data"
        )
    return int(output.shape[1])


def _no_classifier(output: Any, rows: int) -> tuple[str, str]:
    """Return what an output is in place of a row of scores for each input, and the remedy."""
    without = "load it without data"
    if isinstance(output, Tensor) and not output.dim():
        words = "is one number for all inputs, such as a loss"
        return words, f"return the class scores from its forward, or {without}"
    if isinstance(output, Tensor) and output.dim() == 1:
        return "is one number an input", f"return a score for each class, or {without}"
    leaves = [part for part in tree_leaves(output) if isinstance(part, Tensor)]
    if _names(output) >= {"boxes", "scores"}:
        return "holds boxes, as a detector's does", without
    best = _scores(output, rows)
    if best:
        words = "is not one row of class scores for each input"
        return words, f"return {best} alone from its forward, or {without}"
    if any(part.dim() == 4 for part in leaves):
        return "holds a map for each input, as of a segmentation", without
    words = "is not one row of class scores for each input"
    return words, f"return one row for each from its forward, or {without}"


def _names(output: Any) -> set[str]:
    if isinstance(output, list | tuple) and output:
        output = output[0]
    return {name for name, _, _ in _parts(output)}


def _parts(output: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield the name of each part of an output, the part, and how code takes it out."""
    if isinstance(output, Mapping):
        yield from ((str(name), part, f"[{name!r}]") for name, part in output.items())
    elif is_dataclass(output):
        for name in (part.name for part in fields(output)):
            yield name, getattr(output, name), f".{name}"
    elif isinstance(output, tuple | list):
        yield from ((str(place), part, f"[{place}]") for place, part in enumerate(output))


def _scores(output: Any, rows: int | None, path: str = "output") -> str:
    """Return the code that takes class scores out of an output, "" where no part looks so."""
    for _, part, code in _parts(output):
        if isinstance(part, Tensor):
            found = path + code if part.dim() == 2 and rows in (None, len(part)) else ""
        else:
            found = _scores(part, rows, path + code)
        if found:
            return found
    return ""


def not_finite(output: Any) -> bool:
    """Say whether some tensor of an output holds values, and none of them finite."""
    leaves = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and leaf.numel()]
    return any(not bool(torch.isfinite(leaf).any()) for leaf in leaves)
