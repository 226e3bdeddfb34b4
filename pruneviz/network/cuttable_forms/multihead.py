"""The explicit form of torch's own multi-head attention."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.network.cuttable_forms.form import Explicit, by_heads, joined, parts


class ExplicitMultiheadAttention(Explicit, nn.MultiheadAttention):
    """Multi-head attention by the sizes of its tensors: heads and the widths inside may differ.

    Parameters, arguments and answers are those of `nn.MultiheadAttention`.
    """

    counts: ClassVar[tuple[str, ...]] = ("num_heads",)
    projections: ClassVar[Mapping[str, int]] = MappingProxyType(
        {"in_proj_weight": 3, "q_proj_weight": 1, "k_proj_weight": 1, "v_proj_weight": 1}
    )

    def take_form(self, original: nn.Module) -> None:
        """Remember the scale of the scores, and forget the sizes that tensors tell."""
        assert isinstance(original, nn.MultiheadAttention)  # the type whose form this is
        self.scale = float(original.head_dim) ** -0.5
        for name in ("embed_dim", "kdim", "vdim", "head_dim"):
            del self.__dict__[name]
        self._qkv_same_embed_dim = False  # torch's encoder layers have a shortcut for equal sizes

    @property
    def embed_dim(self) -> int:
        """Return the width of what goes out."""
        return int(self.out_proj.weight.shape[0])

    @property
    def kdim(self) -> int:
        """Return the width of a key that comes in."""
        return self._taken(self.k_proj_weight)

    @property
    def vdim(self) -> int:
        """Return the width of a value that comes in."""
        return self._taken(self.v_proj_weight)

    def _taken(self, own: Tensor) -> int:
        """Return how many inputs a projection takes, of a packed one the same for all."""
        packed = self.in_proj_weight
        return int((own if packed is None else packed).shape[1])

    @property
    def head_dim(self) -> int:
        """Return the width of a value inside a head."""
        return int(self.out_proj.weight.shape[1]) // int(self.num_heads)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from query (N, L, E) to key and value (N, S, E); (L, N, E) unless batch first."""
        if is_causal and attn_mask is None:
            raise RuntimeError("is_causal is a hint about attn_mask, which must be given with it")
        unbatched = query.dim() == 2
        inputs = self._batch_first(query, key, value, unbatched)
        q, k, v = self._projected(*inputs)
        mask = self._mask(key_padding_mask, attn_mask, q, unbatched)
        rate = self.dropout if self.training else 0.0
        if need_weights:
            scores = (q * self.scale) @ k.transpose(-2, -1)
            weights = (scores if mask is None else scores + mask).softmax(-1)
            mixed = F.dropout(weights, rate, self.training) @ v
        else:
            weights = None
            mixed = F.scaled_dot_product_attention(q, k, v, mask, rate, scale=self.scale)
        answer = self.out_proj(joined(mixed))
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if unbatched:
            return answer.squeeze(0), None if weights is None else weights.squeeze(0)
        return answer if self.batch_first else answer.transpose(0, 1), weights

    def _batch_first(
        self, query: Tensor, key: Tensor, value: Tensor, unbatched: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        if unbatched:
            return query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0)
        if self.batch_first:
            return query, key, value
        return query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)

    def _projected(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        """Return query, key and value by heads, with what is added beside the sequence."""
        rows = self.out_proj.weight.shape[1]
        if self.in_proj_weight is not None:
            w_q, w_k, w_v = parts(self.in_proj_weight, rows)
        else:
            w_q, w_k, w_v = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        bias = self.in_proj_bias
        b_q, b_k, b_v = (None, None, None) if bias is None else parts(bias, rows)
        q, k, v = F.linear(query, w_q, b_q), F.linear(key, w_k, b_k), F.linear(value, w_v, b_v)
        if self.bias_k is not None and self.bias_v is not None:
            k = torch.cat([k, self.bias_k.expand(len(k), -1, -1)], 1)
            v = torch.cat([v, self.bias_v.expand(len(v), -1, -1)], 1)
        q, k, v = (by_heads(x, self.num_heads) for x in (q, k, v))
        if self.add_zero_attn:
            k, v = F.pad(k, (0, 0, 0, 1)), F.pad(v, (0, 0, 0, 1))
        return q, k, v

    def _mask(
        self, padding: Tensor | None, places: Tensor | None, like: Tensor, unbatched: bool
    ) -> Tensor | None:
        """Return what is added to the scores, which broadcasts to (N, heads, L, S)."""
        found = []
        if places is not None:
            whole = places.view(len(like), -1, *places.shape[1:]) if places.dim() == 3 else places
            found.append(_added(whole, like))
        if padding is not None:
            rows = padding.unsqueeze(0) if unbatched else padding
            found.append(_added(rows[:, None, None, :], like))
        if not found:
            return None
        more = int(self.bias_k is not None) + int(self.add_zero_attn)
        return F.pad(sum(found[1:], found[0]), (0, more)) if more else sum(found[1:], found[0])


def _added(mask: Tensor, like: Tensor) -> Tensor:
    """Return a mask as numbers to add: −∞ where a truth value forbids."""
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, float("-inf"))


FORMS: dict[type[nn.Module], type[Explicit]] = {nn.MultiheadAttention: ExplicitMultiheadAttention}
