"""The explicit forms of torchvision's attention: Swin, Swin V2, Swin 3D and MaxViT."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import maxvit, swin_transformer
from torchvision.models.video import swin_transformer as video

from pruneviz.network.cuttable_forms.form import Explicit, joined, parts, projected

FORBIDDEN = -100.0  # what Swin adds to the score of two tokens that are no neighbours


class _Windows(Explicit):
    """Attention inside windows that may be shifted, over (B, *space, C), space of any dimension."""

    counts: ClassVar[tuple[str, ...]] = ("num_heads",)
    projections: ClassVar[Mapping[str, int]] = MappingProxyType({"qkv.weight": 3})
    qkv: nn.Linear
    proj: nn.Linear
    num_heads: int
    attention_dropout: float
    dropout: float
    scale: float
    window_size: list[int]
    shift_size: list[int]
    get_relative_position_bias: Callable[..., Tensor]

    def take_form(self, original: nn.Module) -> None:
        """Remember the scale of the scores."""
        width = original.get_parameter("qkv.weight").shape[0] // 3
        self.scale = float(width // int(original.num_heads)) ** -0.5  # type: ignore[arg-type]

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """Return how well queries and keys agree, (windows, heads, tokens, tokens)."""
        return (query * self.scale) @ key.transpose(-2, -1)

    def key_bias(self, bias: Tensor) -> Tensor:
        """Return what is added to the keys."""
        return bias

    def attend(
        self, x: Tensor, window: Sequence[int], shift: Sequence[int], places: Tensor
    ) -> Tensor:
        """Attend inside the windows; `places` (1, heads, tokens, tokens) is added to the scores."""
        space, dims = x.shape[1:-1], tuple(range(1, x.ndim - 1))
        rest = [-size % side for size, side in zip(space, window, strict=True)]
        padding = [0, 0, *(n for after in reversed(rest) for n in (0, after))]
        padded = F.pad(x, padding)
        if any(shift):
            padded = torch.roll(padded, [-by for by in shift], dims)
        tokens = into_windows(padded, window)
        mixed = self._mixed(tokens, places, forbidden(padded, window, shift))
        answer = F.dropout(self.proj(mixed), self.dropout, self.training)
        whole = out_of_windows(answer, window, padded.shape[1:-1])
        if any(shift):
            whole = torch.roll(whole, list(shift), dims)
        for dim, size in zip(dims, space, strict=True):
            whole = whole.narrow(dim, 0, size)
        return whole.contiguous()

    def _mixed(self, tokens: Tensor, places: Tensor, mask: Tensor | None) -> Tensor:
        rows = self.proj.weight.shape[1]
        bias = self.qkv.bias
        b_q, b_k, b_v = (None, None, None) if bias is None else parts(bias, rows)
        key_bias = None if b_k is None else self.key_bias(b_k)
        weights = parts(self.qkv.weight, rows)
        query, key, value = projected(
            (tokens, tokens, tokens), weights, (b_q, key_bias, b_v), self.num_heads
        )
        scores = self.scores(query, key) + places
        if mask is not None:  # (windows of one input, tokens, tokens)
            scores = scores.view(-1, len(mask), *scores.shape[1:]) + mask[:, None]
            scores = scores.flatten(0, 1)
        chosen = F.dropout(scores.softmax(-1), self.attention_dropout, self.training)
        return joined(chosen @ value)


def into_windows(x: Tensor, window: Sequence[int]) -> Tensor:
    """Cut (B, *space, C) into (B · windows, tokens, C)."""
    pairs = zip(x.shape[1:-1], window, strict=True)
    sizes = [n for size, side in pairs for n in (size // side, side)]
    last = len(sizes) + 1
    order = (0, *range(1, last, 2), *range(2, last, 2), last)
    split = x.view(len(x), *sizes, x.shape[-1]).permute(order)
    return split.reshape(-1, math.prod(window), x.shape[-1])


def out_of_windows(x: Tensor, window: Sequence[int], space: Sequence[int]) -> Tensor:
    """Put (B · windows, tokens, C) together to (B, *space, C)."""
    counts = [size // side for size, side in zip(space, window, strict=True)]
    dims = len(counts)
    order = (0, *(d for i in range(dims) for d in (1 + i, 1 + dims + i)), 1 + 2 * dims)
    split = x.view(-1, *counts, *window, x.shape[-1]).permute(order)
    return split.reshape(-1, *space, x.shape[-1])


def forbidden(x: Tensor, window: Sequence[int], shift: Sequence[int]) -> Tensor | None:
    """Return what keeps tokens apart that a shift has brought together, (windows, tokens, tokens).

    `x` (B, *space, C) is what was shifted; None where nothing was.
    """
    if not any(shift):
        return None
    space = x.shape[1:-1]
    region = torch.zeros(*space, dtype=torch.long, device=x.device)
    for dim, (size, side, by) in enumerate(zip(space, window, shift, strict=True)):
        if by:
            at = torch.arange(size, device=x.device)
            part = (at >= size - side).long() + (at >= size - by).long()
            region = 3 * region + part.view(-1, *[1] * (len(space) - dim - 1))
    tokens = into_windows(region[None, ..., None], window).squeeze(-1)
    apart = tokens.unsqueeze(1) != tokens.unsqueeze(2)
    return torch.zeros(apart.shape, dtype=x.dtype, device=x.device).masked_fill(apart, FORBIDDEN)


class ExplicitShiftedWindowAttention(_Windows, swin_transformer.ShiftedWindowAttention):  # type: ignore[misc]
    """Swin's attention (Liu et al. 2021, arXiv 2103.14030) by the sizes of its tensors."""

    def forward(self, x: Tensor) -> Tensor:
        """Attend over (B, H, W, C)."""
        several = zip(x.shape[1:3], self.window_size, self.shift_size, strict=True)
        shift = [0 if side >= size else by for size, side, by in several]
        return self.attend(x, self.window_size, shift, self.get_relative_position_bias())


class ExplicitShiftedWindowAttentionV2(
    ExplicitShiftedWindowAttention,
    swin_transformer.ShiftedWindowAttentionV2,  # type: ignore[misc]
):
    """Swin V2's attention (Liu et al. 2021, arXiv 2111.09883): scores are cosines."""

    logit_scale: Tensor

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """Return the cosines of queries and keys, scaled for each head."""
        cosines = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        return cosines * torch.clamp(self.logit_scale, max=math.log(100.0)).exp()

    def key_bias(self, bias: Tensor) -> Tensor:
        """Return zeros: Swin V2 adds nothing to its keys, and keeps a place for it."""
        return torch.zeros_like(bias)


class ExplicitShiftedWindowAttention3d(_Windows, video.ShiftedWindowAttention3d):  # type: ignore[misc]
    """Video Swin's attention (Liu et al. 2021, arXiv 2106.13230) by the sizes of its tensors."""

    def forward(self, x: Tensor) -> Tensor:
        """Attend over (B, T, H, W, C); a window is never larger than the input."""
        space = x.shape[1:-1]
        fits = [size <= side for size, side in zip(space, self.window_size, strict=True)]
        window = [min(size, side) for size, side in zip(space, self.window_size, strict=True)]
        shift = [0 if fit else by for fit, by in zip(fits, self.shift_size, strict=True)]
        return self.attend(x, window, shift, self.get_relative_position_bias(window))


class ExplicitRelativeAttention(Explicit, maxvit.RelativePositionalMultiHeadAttention):  # type: ignore[misc]
    """MaxViT's attention (Tu et al. 2022, arXiv 2204.01697) by the sizes of its tensors."""

    counts: ClassVar[tuple[str, ...]] = ("n_heads",)
    projections: ClassVar[Mapping[str, int]] = MappingProxyType({"to_qkv.weight": 3})
    to_qkv: nn.Linear
    merge: nn.Linear
    n_heads: int
    scale_factor: float
    get_relative_positional_bias: Callable[[], Tensor]

    def take_form(self, original: nn.Module) -> None:
        """Forget the width of a head, which the tensors tell."""
        del self.__dict__["head_dim"]

    def forward(self, x: Tensor) -> Tensor:
        """Attend inside each part of (B, parts, tokens, C)."""
        rows = self.merge.weight.shape[1]
        weights, bias = parts(self.to_qkv.weight, rows), self.to_qkv.bias
        biases: Any = (None, None, None) if bias is None else parts(bias, rows)
        query, key, value = projected((x, x, x), weights, biases, self.n_heads)
        scores = query @ (key * self.scale_factor).transpose(-2, -1)
        weighed = (scores + self.get_relative_positional_bias()).softmax(-1)
        answer: Tensor = self.merge(joined(weighed @ value))
        return answer


FORMS: dict[type[nn.Module], type[Explicit]] = {
    swin_transformer.ShiftedWindowAttention: ExplicitShiftedWindowAttention,
    swin_transformer.ShiftedWindowAttentionV2: ExplicitShiftedWindowAttentionV2,
    video.ShiftedWindowAttention3d: ExplicitShiftedWindowAttention3d,
    maxvit.RelativePositionalMultiHeadAttention: ExplicitRelativeAttention,
}
