"""The small language model: it computes what Llama does, and every size of it can be cut."""

from __future__ import annotations

import pytest
import torch

from pruneviz.apply import apply
from pruneviz.proof import check, find_units
from pruneviz.subjects.samples.small_llama import EPSILON, SmallLlama

SIZES = {"tokens": 50, "width": 24, "blocks": 2, "heads": 8, "groups": 4, "size": 4, "hidden": 20}
# What transformers calls the same tensors.
THEIRS = {
    "embedding": "model.embed_tokens", "norm": "model.norm", "head": "lm_head",
    "attention_norm": "input_layernorm", "feed_forward_norm": "post_attention_layernorm",
    "attention.query": "self_attn.q_proj", "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj", "attention.out": "self_attn.o_proj",
    "feed_forward.gate": "mlp.gate_proj", "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}  # fmt: skip


@pytest.fixture
def network() -> SmallLlama:
    torch.manual_seed(0)
    model = SmallLlama(**SIZES).eval()
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return model


@pytest.fixture
def words() -> torch.Tensor:
    return torch.randint(50, (2, 9), generator=torch.Generator().manual_seed(0))


def theirs(name: str) -> str:
    path = name.removesuffix(".weight")
    if not path.startswith("blocks."):
        return f"{THEIRS[path]}.weight"
    _, number, part = path.split(".", 2)
    return f"model.layers.{number}.{THEIRS[part]}.weight"


def test_it_answers_as_llama_of_transformers_with_the_same_weights(network, words):
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=50, hidden_size=24, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=4, head_dim=4, intermediate_size=20, rms_norm_eps=EPSILON,
        use_cache=False,
    )  # fmt: skip
    other = LlamaForCausalLM(config).eval()
    other.load_state_dict({theirs(name): t for name, t in network.state_dict().items()})
    with torch.no_grad():
        torch.testing.assert_close(network(words), other(words).logits, rtol=1e-4, atol=1e-5)


def test_heads_go_by_group_and_every_width_is_cut_exactly(network, words):
    units, left = find_units(network, words, "channel")
    count = {layer.name: layer.count for layer in units}
    for block in ("blocks.0", "blocks.1"):
        assert count.pop(f"{block}.attention.query") == 4, "a head of keys, with those it serves"
        assert count.pop(f"{block}.feed_forward.gate") == 20
    assert count == {"embedding": 24}, "the stream from the first to the last block"
    assert [item.name for item in left] == ["head"]
    found = check(network, words, 0.5)
    assert found["max_relative_error"] <= 1e-5
    assert found["parameters"]["pruned"] <= 0.4 * found["parameters"]["original"]


def test_a_head_of_keys_goes_with_the_two_of_queries_that_it_serves(network, words):
    units, _ = find_units(network, words, "head")
    keep = {layer.name: torch.arange(4) != 1 for layer in units}
    assert len(keep) == 2, "one attention in each block"
    small = apply(network, units, keep).model
    attention = small.blocks[0].attention
    assert attention.query.weight.shape == (6 * 4, 24)
    assert attention.key.weight.shape == attention.value.weight.shape == (3 * 4, 24)
    for block in network.blocks:
        block.attention.out.weight.data[:, 2 * 4 : 4 * 4] = 0  # nobody reads heads 2 and 3
    with torch.no_grad():
        torch.testing.assert_close(small(words), network(words), rtol=1e-5, atol=1e-5)


def test_no_place_is_told_by_one_after_it(network, words):
    with torch.no_grad():
        torch.testing.assert_close(network(words)[:, :5], network(words[:, :5]))
