"""Families of transformers that differ from most: how attention is computed, what folders lack."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from pruneviz.network.inputs import call
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.subjects.models.hugging_face import load_hugging_face
from pruneviz.wording import opened
from pruneviz.wording.refusals.subjects import hub_folders
from tests.subjects.test_hugging_face import cutter, made, refused

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


def test_parts_that_are_not_there_are_named(tmp_path):
    made("LlamaForCausalLM").save_pretrained(tmp_path, max_shard_size="10KB")
    parts = sorted(tmp_path.glob("model-*.safetensors"))
    parts[1].unlink()
    missing = hub_folders.parts_missing(
        "model.safetensors.index.json", (parts[1].name,), len(parts)
    )
    assert refused(tmp_path) == missing
    assert parts[1].name in str(missing)
    for part in (parts[0], *parts[2:]):
        part.unlink()
    assert refused(tmp_path) in hub_folders.no_weights


def test_a_gguf_file_of_a_kind_without_a_reader_is_named(tmp_path):
    import gguf

    writer = gguf.GGUFWriter(tmp_path / "other.gguf", "rwkv7")
    writer.add_context_length(8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert refused(tmp_path) == hub_folders.other_gguf("other.gguf", "rwkv7")


def test_a_tokenizer_of_another_network_is_said(tmp_path):
    made("GPT2LMHeadModel", vocab_size=200).save_pretrained(tmp_path)
    cutter().save(str(tmp_path / "tokenizer.json"))
    known = cutter().get_vocab_size(with_added_tokens=False)
    note = opened.foreign_tokenizer(known, 200)
    assert load_hugging_face(str(tmp_path), None, pretrained=False).notes == (note,)
    assert f"{known} tokens" in str(note)
    made("GPT2LMHeadModel", vocab_size=known).save_pretrained(tmp_path)
    assert load_hugging_face(str(tmp_path), None, pretrained=False).notes == ()
