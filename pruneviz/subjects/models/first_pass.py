"""A model's first pass, and in plain words why it fails, with the remedy that fits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pruneviz.network.attempts import attempt
from pruneviz.network.inputs import Given, arguments, call, count, some
from pruneviz.network.passes import Step, followed, given
from pruneviz.subjects.models.outputs import check_tensors, not_finite
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import answering

COMPANY = 6  # inputs that are answered together, to compare with one and two of them
ROUNDING = 1e-3  # of the largest answer: what sums in another order change stays far below it


def input_dtype(model: nn.Module) -> torch.dtype:
    """Return in which precision a model is given its inputs: double where all of it is double."""
    own = {p.dtype for p in model.parameters() if p.is_floating_point()}
    return torch.float64 if own == {torch.float64} else torch.float32


def forward(model: nn.Module, x: Given) -> Any:
    """Return the model's output for N inputs; ValueError says why there is none, and the remedy.

    One input alone is tried as well, since latency is measured on one.
    """
    output = _pass(model, x)
    if count(x) > 1:
        _pass(model, some(x, slice(1)))
    check_tensors(output)
    if not_finite(output):
        raise RefusedError(answering.not_finite(_begins(model, x), given(*arguments(x))))
    return output


def company_note(model: nn.Module, x: Given) -> Fact | None:
    """Return a note where a model's answer to an input depends on those beside it, or None."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        among, pair, alone = (call(model, some(x, slice(many))) for many in (COMPANY, 2, 1))
    if not isinstance(among, Tensor) or not among.is_floating_point() or among.ndim < 1:
        return None
    apart = max(float((one[:1] - among[:1]).abs().max()) for one in (alone, pair))
    depends = apart > ROUNDING * float(among.abs().max())
    return opened.answers_depend_on_others() if depends else None


def _pass(model: nn.Module, x: Given) -> Any:
    held = [leaf for leaf in tree_leaves(x) if isinstance(leaf, Tensor)]
    before = [leaf.clone() for leaf in held]
    output = attempt(model, x)
    pairs = list(zip(held, before, strict=True))
    if not all(torch.equal(was.nan_to_num(), now.nan_to_num()) for now, was in pairs):
        for now, was in pairs:
            now.copy_(was)
        raise RefusedError(answering.changes_its_inputs(given(*arguments(x))))
    return output


def _begins(model: nn.Module, x: Given) -> str:
    """Return the part in which answers begin of which none is finite, "" for the model itself."""
    begun: list[str] = []

    def look(step: Step, output: Any) -> None:
        read = [leaf for leaf in tree_leaves(step.args) if isinstance(leaf, Tensor)]
        if not begun and not_finite(output) and not any(map(not_finite, read)):
            begun.append(str(step))

    with torch.no_grad(), torch.random.fork_rng(devices=[]), followed(model, [], look):
        call(model, x)
    return begun[0] if begun else ""
