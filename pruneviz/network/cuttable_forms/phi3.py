"""The explicit form of Phi-3's attention, whose query, key and value lie in one projection."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.phi3 import modeling_phi3

from pruneviz.network.cuttable_forms.form import Explicit, by_heads, joined


class ExplicitPhi3Attention(Explicit, modeling_phi3.Phi3Attention):
    """Phi-3's attention (Abdin et al. 2024, arXiv 2404.14219) by the sizes of its tensors.

    The number of its query heads stands in the configuration, which all layers share: here each
    has its own.
    """

    counts: ClassVar[tuple[str, ...]] = ("num_query_heads", "num_key_value_heads")
    config: Any
    qkv_proj: nn.Linear
    o_proj: nn.Linear
    num_query_heads: int
    num_key_value_heads: int
    scaling: float
    attention_dropout: float
    layer_idx: int

    def take_form(self, original: nn.Module) -> None:
        """Remember how many query heads there are."""
        assert isinstance(original, modeling_phi3.Phi3Attention)  # the type whose form this is
        self.num_query_heads = int(original.config.num_attention_heads)

    def _rows(self, whole: int, read: int) -> list[int]:
        """Return the rows of query, key and value of a projection of `whole` rows.

        `read` is how many inputs the output projection has: the widths of values, head by head.
        """
        queries, keys = self.num_query_heads, self.num_key_value_heads
        value_rows = read // queries * keys
        width = (whole - value_rows) // (queries + keys)
        return [queries * width, keys * width, value_rows]

    def forward(  # type: ignore[override]  # whatever else is given goes to the attention
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        attention_mask: Tensor | None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend over (B, tokens, E), as Phi-3 does."""
        projected = self.qkv_proj(hidden_states)
        rows = self._rows(projected.shape[-1], self.o_proj.weight.shape[1])
        query, key, value = projected.split(rows, dim=-1)
        query = by_heads(query, self.num_query_heads)
        key, value = (by_heads(x, self.num_key_value_heads) for x in (key, value))
        query, key = modeling_phi3.apply_rotary_pos_emb(query, key, *position_embeddings)  # type: ignore[no-untyped-call]
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, modeling_phi3.eager_attention_forward
        )
        mixed, weights = attend(
            self, query, key, value, attention_mask,
            dropout=self.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            sliding_window=getattr(self.config, "sliding_window", None),
            **kwargs,
        )  # fmt: skip
        answer = self.o_proj(joined(mixed.transpose(1, 2)))
        return answer, weights


FORMS: dict[type[nn.Module], type[Explicit]] = {modeling_phi3.Phi3Attention: ExplicitPhi3Attention}
