"""The explicit form of BLOOM's attention, whose heads look back less far the lower their slope."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers.models.bloom import modeling_bloom

from pruneviz.network.cuttable_forms.form import STAYS, Explicit, by_heads, joined


class ExplicitBloomAttention(Explicit, modeling_bloom.BloomAttention):
    """BLOOM's attention (Le Scao et al. 2022, arXiv 2211.05100) by the sizes of its tensors.

    What the network adds to the scores is of all heads (ALiBi, arXiv 2108.12409): here each layer
    takes that of its own.
    """

    counts: ClassVar[tuple[str, ...]] = ("num_heads",)
    outside: ClassVar[str] = "_heads"
    query_key_value: nn.Linear
    dense: nn.Linear
    attention_dropout: nn.Dropout
    num_heads: int
    inv_norm_factor: float
    hidden_dropout: float
    layer_idx: int

    def take_form(self, original: nn.Module) -> None:
        """Remember that all heads are there."""
        assert isinstance(original, modeling_bloom.BloomAttention)  # the type whose form this is
        self._heads = (STAYS,) * int(original.num_heads)

    def forward(  # type: ignore[override]  # whether to use a cache is for the layers around it
        self,
        hidden_states: Tensor,
        residual: Tensor,
        alibi: Tensor,
        attention_mask: Tensor | None,
        layer_past: Any = None,
        **_: Any,
    ) -> tuple[Tensor, Tensor]:
        """Attend over (B, tokens, E), as BLOOM does; `alibi` is (B · heads, 1, tokens)."""
        mixed = by_heads(self.query_key_value(hidden_states), self.num_heads)
        width = self.dense.weight.shape[1] // self.num_heads
        rest = (mixed.shape[-1] - width) // 2
        query, key, value = mixed.split([rest, rest, width], dim=-1)
        if layer_past is not None:
            key, value = layer_past.update(key, value, self.layer_idx)
        every = alibi.view(len(hidden_states), len(self._heads), 1, -1)
        own = every[:, [head for head, there in enumerate(self._heads) if there == STAYS]]
        scores = query @ key.mT * self.inv_norm_factor + own
        if attention_mask is not None:
            scores = scores + attention_mask
        chosen = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
        chosen = self.attention_dropout(chosen)
        answer = self.dense(joined(chosen @ value))
        dropped = modeling_bloom.dropout_add(answer, residual, self.hidden_dropout, self.training)
        return dropped, chosen


FORMS: dict[type[nn.Module], type[Explicit]] = {
    modeling_bloom.BloomAttention: ExplicitBloomAttention
}
