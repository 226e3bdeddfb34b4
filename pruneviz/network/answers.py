"""What a network answers, as logits: a network that ends in Softmax or Sigmoid has them inside.

Whoever takes a loss, a divergence or a class's score asks `logits_of`; the network itself stays as
it is. `mark_probabilities` finds out, from what comes out, whether these are probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from pruneviz.network.inputs import Given, call, count, some
from pruneviz.wording import Fact, opened

MARK = "answers_with"  # a network's attribute, which its copies keep
SOFTMAX, SIGMOID = "softmax", "sigmoid"
LOOKED_AT = 64  # inputs
SUM_ERROR = 1e-5  # of a row of probabilities in single precision
NEAR = 0.01  # of the largest probability: what clipping, rounding and half precision change
PERCENT = 100
_LAST = {
    torch.softmax: SOFTMAX,
    torch.special.softmax: SOFTMAX,
    functional.softmax: SOFTMAX,
    Tensor.softmax: SOFTMAX,
    torch.sigmoid: SIGMOID,
    torch.special.expit: SIGMOID,
    functional.sigmoid: SIGMOID,
    Tensor.sigmoid: SIGMOID,
}


def logits_of(
    network: nn.Module,
    given: Given,
    *,
    through: Callable[..., Any] | None = None,
    weights: Mapping[str, Tensor] | None = None,
) -> Any:
    """Return a network's answer to inputs as logits, (B, classes), with their gradient.

    `through` is what is called in the network's place, such as a wrapper around it; `weights` are
    parameters and buffers in the place of its own.
    """
    run = network if through is None else through
    kind = getattr(network, MARK, "")
    if not kind:
        return call(run, given, weights)
    found, last, before = _followed(lambda: call(run, given, weights))
    if last == kind:
        return before
    least = torch.finfo(found.dtype).tiny  # log stays finite, and so does its gradient
    if kind == SIGMOID:
        return found.clamp(least).log() - (1 - found).clamp(least).log()
    return found.clamp(least).log()


def answering_logits(network: nn.Module) -> nn.Module:
    """Return a network that answers with logits, for tools that call modules; itself if it does."""
    return _WithLogits(network) if getattr(network, MARK, "") else network


class _WithLogits(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Any) -> Any:
        return logits_of(self.network, inputs)


def mark_probabilities(network: nn.Module, x: Given, *, real: bool = True) -> Fact | None:
    """Find out what a network answers with, on N inputs, and mark it; return what to know.

    It is what a Softmax or Sigmoid gave, whole or clipped, rounded, reshaped or in percent; or else
    rows that are not negative and add up to 1, on all inputs looked at. Without `real` inputs only
    a network that plainly ends in Softmax or Sigmoid is taken to give probabilities.
    """
    vars(network).pop(MARK, None)
    with torch.no_grad():
        found, last, _ = _followed(lambda: call(network, some(x, slice(2))))
        if not last and not _in_range(found):
            return None
        if count(x) > 2:
            found, last, _ = _followed(lambda: call(network, _spread(x)))
    if not last and not _in_range(found):
        return None
    sums = last == SOFTMAX or (real and _add_up(found) and _varies(found))
    kind = SOFTMAX if sums else SIGMOID if last == SIGMOID else ""
    if kind:
        setattr(network, MARK, kind)
        return opened.probabilities(kind, last == SOFTMAX)
    unsure = real and not _add_up(found) and _varies(found)
    return opened.perhaps_probabilities() if unsure else None


def gives_probabilities(network: nn.Module) -> bool:
    """Whether a network that was looked at answers with probabilities of its classes."""
    return bool(getattr(network, MARK, ""))


class _Following(TorchFunctionMode):
    """Remembers the last Softmax or Sigmoid that was called, and what it read."""

    def __init__(self) -> None:
        super().__init__()
        self.last: tuple[Any, str, Any] = (None, "", None)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _LAST:
            self.last = (result, _LAST[func], _read(args, kwargs or {}))
        return result


def _read(args: Any, kwargs: Any) -> Any:
    return args[0] if args else kwargs.get("input")


def _followed(answer: Callable[[], Any]) -> tuple[Any, str, Any]:
    """Return an answer, the function that gave it, "" for another one, and what that read."""
    following = _Following()
    with following:
        found = answer()
    result, name, before = following.last
    if not isinstance(before, Tensor) or not _is_row_of_scores(found):
        return found, "", None
    if result.numel() != found.numel() or not _came_of(found.detach(), result.detach(), name):
        return found, "", None
    return found, name, before.reshape(found.shape).to(found.dtype)


def _came_of(found: Tensor, result: Tensor, name: str) -> bool:
    """Whether an answer (B, classes) is what a Softmax or Sigmoid gave, or nearly so."""
    whole = result.reshape(found.shape).to(found.dtype)
    if name == SOFTMAX and not bool(((whole.double().sum(1) - 1).abs() <= NEAR).all()):
        return False  # it adds up over something else, such as the inputs of a batch
    units = (1, PERCENT) if name == SOFTMAX else (1,)
    most = NEAR * whole.max()
    return any(bool(((found / unit - whole).abs() <= most).all()) for unit in units)


def _spread(x: Given) -> Given:
    """Return some of the inputs, at equal distances."""
    total = count(x)
    return some(x, torch.linspace(0, total - 1, min(LOOKED_AT, total)).round().long())


def _is_row_of_scores(found: Any) -> bool:
    if not isinstance(found, Tensor) or found.ndim != 2 or not found.is_floating_point():
        return False
    return found.numel() > 0


def _in_range(found: Any) -> bool:
    return _is_row_of_scores(found) and bool(((found >= 0) & (found <= 1 + SUM_ERROR)).all())


def _add_up(found: Tensor) -> bool:
    allowed = max(SUM_ERROR, 4 * torch.finfo(found.dtype).eps * sqrt(found.shape[1]))
    return bool(((found.double().sum(1) - 1).abs() <= allowed).all())


def _varies(found: Tensor) -> bool:
    """Whether answers differ from input to input and are not all 0 or 1: constants say nothing."""
    same = bool((found == found[0]).all())
    return not same and not bool(((found == 0) | (found == 1)).all())
