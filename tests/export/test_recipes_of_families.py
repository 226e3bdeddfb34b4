"""Recipes rebuild the families of transformers: their scores are the same, for any batch."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import nn

from pruneviz.export import rebuild, write_network
from pruneviz.export.operators import resolve
from pruneviz.subjects.models.hugging_face.scores import scores_of
from tests.export.test_hub_folders_written import cut, made

LANGUAGE = ["Gemma3", "Phi3", "GPT2", "GPTNeoX", "OPT", "Bloom"]
SMALL = {"vocab_size": 97, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 4,
         "intermediate_size": 24, "max_position_embeddings": 32, "pad_token_id": 0}  # fmt: skip
CLASSIFIERS = {
    "Bert": SMALL,
    "Roberta": SMALL,
    "Albert": {**SMALL, "embedding_size": 8},
    "DistilBert": {"vocab_size": 97, "dim": 16, "hidden_dim": 24, "n_layers": 1, "n_heads": 4},
    "T5": {"vocab_size": 97, "d_model": 16, "d_ff": 24, "num_layers": 1, "num_heads": 4, "d_kv": 4,
           "decoder_start_token_id": 0},
}  # fmt: skip


def rebuilt_alike(path, model: nn.Module, x: torch.Tensor) -> None:
    """Write a network, and ask both it and what is rebuilt for batches it was not traced with."""
    again = rebuild(*write_network(path, model, x))
    for batch in (x[:1], torch.cat([x, x.flip(0)[:1]])):
        with torch.inference_mode():
            answer = model(batch)
            expected = answer if isinstance(answer, torch.Tensor) else answer.logits
            found = again(batch)
        assert float((found - expected).abs().max()) <= 1e-6 * float(expected.abs().max())


@pytest.mark.parametrize("family", LANGUAGE)
def test_a_language_model_is_rebuilt_from_its_recipe(tmp_path, family):
    model = made(family, num_hidden_layers=1)
    rebuilt_alike(tmp_path, model, torch.randint(3, 97, (2, 7)))


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_a_classifier_of_texts_is_rebuilt_from_its_recipe(tmp_path, family):
    kind = getattr(transformers, f"{family}ForSequenceClassification")
    torch.manual_seed(0)
    network = kind(kind.config_class(**CLASSIFIERS[family]))
    x = torch.randint(3, 97, (2, 7))
    x[:, -1] = 1  # which ends a text, for T5
    rebuilt_alike(tmp_path, scores_of(network, "text").eval(), x)


def test_a_cut_network_is_rebuilt_as_well(tmp_path):
    model = made("Llama", num_hidden_layers=2)
    x = torch.randint(3, 97, (2, 10))
    small = cut(model, "channel").model
    assert len(small.model.rotary_emb.inv_freq) == 2
    rebuilt_alike(tmp_path, small, x)


def test_bits_are_combined_and_nothing_else_of_such_names():
    truth = torch.tensor([True, False])
    assert torch.equal(resolve("aten.__and__.Tensor")(truth, ~truth), truth & ~truth)
    for name in ("aten.__iand__.Tensor", "aten.__class__.x", "aten.__lshift__.Tensor"):
        with pytest.raises(ValueError, match="not allowed"):
            resolve(name)


def test_what_experts_need_is_named(tmp_path):
    model = made("Mixtral", num_hidden_layers=1)
    with pytest.raises(ValueError, match="grouped_mm"):
        write_network(tmp_path, model, torch.randint(3, 97, (2, 7)))
