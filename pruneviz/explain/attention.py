"""Which tokens each head of attention looks at: the weights of one text, in any network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from pruneviz.granularity.channel import ChannelUnits
from pruneviz.granularity.units import Units, belongs
from pruneviz.network.inputs import Batch, call, tensors
from pruneviz.network.study import path_through, slowly, study
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import explaining

SOFTMAX = (torch.softmax, F.softmax, Tensor.softmax)
CLOSE = 1e-3  # of an answer's largest value, by which ours may be off in 16 bits


@dataclass(frozen=True)
class Attention:
    """One call of attention: the module in which it is made, its how manyth call, and its heads."""

    path: str
    number: int
    heads: int

    @property
    def place(self) -> tuple[str, int]:
        """Return what it is found by in another network of the same form."""
        return self.path, self.number


def attentions(model: nn.Module, x: Batch) -> tuple[Attention, ...]:
    """Return each attention over all tokens of one text, in forward order; () where none is seen.

    A call of torch's attention counts where its weights can be had: where our product of weights
    and values is its answer. So does a softmax over (1, heads, tokens, tokens).
    """
    watch = _Watch(model, x)
    watch.run()
    return tuple(watch.found)


def attention_weights(model: nn.Module, x: Batch, place: tuple[str, int]) -> Tensor:
    """Return how much of its attention each token gives each one, (heads, tokens, tokens).

    Float32; a row sums up to 1, and what is masked has 0. RefusedError where the network makes no
    such call.
    """
    watch = _Watch(model, x, place)
    watch.run()
    if watch.weights is None:
        raise RefusedError(explaining.no_attention(place[0]))
    return watch.weights


class _Watch(TorchFunctionMode):
    """Sees the calls that attention makes in one forward pass of one text."""

    def __init__(self, model: nn.Module, x: Batch, wanted: tuple[str, int] | None = None) -> None:
        super().__init__()
        self._model, self._x, self._wanted = study(model), x, wanted
        self._tokens = next(t.shape[1] for t in tensors(x) if t.ndim > 1)
        self._owners: list[str] = []
        self._calls: Counter[str] = Counter()
        self.found: list[Attention] = []
        self.weights: Tensor | None = None

    def run(self) -> None:
        """Let the network answer."""
        passes: AbstractContextManager[None] = path_through(self._model, self._owners)
        with torch.no_grad(), slowly(self._model), passes, self:
            call(self._model, self._x)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function, and look at what attention's functions answer."""
        given = kwargs or {}
        out = func(*args, **given)
        if func is F.scaled_dot_product_attention:
            value = args[2] if len(args) > 2 else given["value"]
            weights = _weights(*args, **given)
            if _is_answer(weights, value, out):
                self._see(weights)
        elif func in SOFTMAX:
            self._see(out)
        return out

    def _see(self, weights: Tensor) -> None:
        """Take the weights of a call in, where they are of this text's tokens."""
        if weights.ndim != 4 or weights.shape[0] != 1:
            return
        if weights.shape[2:] != (self._tokens, self._tokens):
            return
        path = self._owners[-1] if self._owners else ""
        seen = Attention(path, self._calls[path], weights.shape[1])
        self._calls[path] += 1
        self.found.append(seen)
        if seen.place == self._wanted:
            self.weights = weights[0].float().nan_to_num(0.0).clone()


def _weights(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return the weights of a call of torch's attention, (…, heads, tokens, tokens), in float32."""
    del value, dropout_p
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = query.float() @ key.float().transpose(-2, -1) * scale
    if is_causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~allowed, -torch.inf)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask.float()
    return scores.softmax(-1)


def _is_answer(weights: Tensor, value: Tensor, out: Tensor) -> bool:
    """Return whether weights times values are what attention answered."""
    if value.shape[-3] != weights.shape[-3]:
        value = value.repeat_interleave(weights.shape[-3] // value.shape[-3], -3)
    ours = weights.nan_to_num(0.0) @ value.float()
    theirs = out.float().nan_to_num(0.0)
    return bool((ours - theirs).abs().max() <= CLOSE * theirs.abs().max().clamp_min(1e-12))


def heads_left(
    before: Attention, heads: int, units: Sequence[Units], keep: Mapping[str, Tensor]
) -> Tensor:
    """Return which heads of an attention stay in a network that has `heads` left, bool (heads,).

    `units` and what stays of them, `keep`, are those of the pruning. RefusedError where they do not
    say it.
    """
    if heads == before.heads:
        return torch.ones(heads, dtype=torch.bool)
    said = {
        tuple(each.tolist())
        for unit in units
        if isinstance(unit, ChannelUnits)
        for each in _read(unit, keep[unit.name], before)
    }
    fitting = [each for each in said if sum(each) == heads]
    if len(fitting) != 1:
        raise RefusedError(explaining.heads_unknown(before.path, before.heads, heads))
    return torch.tensor(fitting[0])


def _read(units: ChannelUnits, keep: Tensor, attention: Attention) -> list[Tensor]:
    """Return which heads stay by each weight that reads the heads' values side by side."""
    found = []
    for member in units.group.members:
        inside = belongs(member.parameter, attention.path) and not member.produces
        if inside and member.size % attention.heads == 0:
            stays = torch.ones(member.size, dtype=torch.bool)
            stays[member.index] = keep[member.unit]
            found.append(stays.view(attention.heads, -1).any(1))
    return found


def moved(original: Tensor, pruned: Tensor) -> Tensor:
    """Return the share of its attention that each head moved, 0 to 1, (heads,).

    The mean over tokens of half the absolute differences (total variation); (heads, tokens, tokens)
    both.
    """
    return (original - pruned).abs().sum(-1).mean(-1) / 2
