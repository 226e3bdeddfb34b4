"""What a model answers: what it is made of, and why it cannot be judged, with the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals.subjects import answering

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
    found = described(output)
    if output is None:
        raise RefusedError(answering.nothing_returned(found))
    best = _scores(output, None)
    if best:
        raise RefusedError(answering.scores_inside(found, best))
    raise RefusedError(answering.no_tensor_returned(found))


def one_number(output: Any) -> bool:
    """Say whether an output is one number for each input, (N,) or (N, 1)."""
    if not isinstance(output, Tensor) or output.is_complex() or output.dtype == torch.bool:
        return False
    return output.dim() == 1 or (output.dim() == 2 and output.shape[1] == 1)


def class_count(output: Any, rows: int) -> int:
    """Return how many classes an output for so many inputs tells apart; ValueError for none."""
    found = described(output)
    if not isinstance(output, Tensor) or output.dim() != 2:
        raise RefusedError(answering.no_classifier(found, _instead(output, rows)))
    if len(output) != rows:
        raise RefusedError(answering.other_rows(found, rows))
    if output.is_complex():
        raise RefusedError(answering.of_complex(found))
    if output.dtype == torch.bool:
        raise RefusedError(answering.yes_or_no(found))
    if output.shape[1] == 1:
        raise RefusedError(answering.single_score())
    return int(output.shape[1])


def _instead(output: Any, rows: int) -> Fact:
    """Return what an output is in place of a row of scores for each input, with the remedy."""
    if isinstance(output, Tensor) and not output.dim():
        return answering.one_number_for_all()
    if isinstance(output, Tensor) and output.dim() == 1:
        return answering.one_number_an_input()
    leaves = [part for part in tree_leaves(output) if isinstance(part, Tensor)]
    if _names(output) >= {"boxes", "scores"}:
        return answering.boxes()
    best = _scores(output, rows)
    if best:
        return answering.scores_beside_others(best)
    return answering.maps() if any(part.dim() == 4 for part in leaves) else answering.no_rows()


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
