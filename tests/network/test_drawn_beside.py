"""Whether a network that answers in a tree of tensors draws at random is found by its answers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from pruneviz.stages.prepare import measure_baseline
from pruneviz.tasks.language_modelling import LanguageModelling
from tests.families import made_of

SIZES = {
    "vocab_size": 97, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 16,
}  # fmt: skip


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_numbers_drawn_beside_a_language_model_are_told_from_its_own(noise):
    model = made_of("Llama", SIZES)
    model.lm_head.register_forward_hook(
        lambda _m, _given, out: out + noise * torch.randn(out.shape)
    )
    x = torch.randint(0, 97, (4, 8), generator=torch.Generator().manual_seed(0))
    data = SimpleNamespace(x=x[:, :-1], y=x[:, 1:])
    subject = SimpleNamespace(
        model=model, example=x[:2], data=data, task=LanguageModelling(), random=False
    )
    assert measure_baseline(subject).random is bool(noise)
