"""Families of transformers that differ from most: how attention is computed, what folders lack."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from pruneviz.network.inputs import call
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject

SIZES = {"vocab_size": 97, "hidden_size": 16, "num_attention_heads": 4, "pad_token_id": 0}
FAMILIES = {
    "Bloom": {"n_layer": 2, "n_head": 4},
    "Gemma2": {"intermediate_size": 24, "num_hidden_layers": 2, "head_dim": 4,
               "num_key_value_heads": 2, "attn_logit_softcapping": 2.0},
}  # fmt: skip


def saved(path: Path, family: str) -> torch.nn.Module:
    kind = getattr(transformers, f"{family}ForCausalLM")
    config = kind.config_class(**{**SIZES, **FAMILIES[family]})
    torch.manual_seed(0)
    model = kind._from_config(config, attn_implementation="eager").eval()
    model.save_pretrained(path)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_without_fused_attention_is_opened(tmp_path, family):
    model = saved(tmp_path, family)
    subject = load_subject(Plan(model=f"hf:{tmp_path}"))
    with torch.no_grad():
        logits = call(subject.model, subject.example)["logits"]
        assert torch.equal(logits, model(subject.example).logits)
