"""Blocks that are left out leave no hole in the cache that a text is generated with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pruneviz.apply import apply
from pruneviz.granularity import GRANULARITIES
from pruneviz.network.masks import masked
from pruneviz.pruned.surgery import Surgery
from tests.families import made_of

SIZES = {"vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4,
         "num_attention_heads": 4, "max_position_embeddings": 64,
         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 2}
WINDOW = {**GROUPED, "head_dim": 8, "sliding_window": 4}
FULL, SLIDES = "full_attention", "sliding_attention"
FAMILIES = {
    "Llama": GROUPED,
    "Qwen2": GROUPED,
    "Qwen3": GROUPED,
    "Mistral": {**GROUPED, "sliding_window": 4},
    "Gemma": {**GROUPED, "head_dim": 8},
    "Gemma2": {**WINDOW, "layer_types": [SLIDES, FULL, SLIDES, FULL]},
    "Gemma3": {**WINDOW, "layer_types": [SLIDES, SLIDES, FULL, SLIDES]},
    "Phi3": GROUPED,
    "GPT2": {**SIZES, "n_positions": 64},
    "GPTNeoX": SIZES,
    "OPT": {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32},
    "Bloom": {**SIZES, "n_head": 4},
    "Mixtral": {**GROUPED, "num_local_experts": 4},
}


def made(family: str, **changes: object) -> nn.Module:
    return made_of(family, {**FAMILIES[family], **changes})


def cut(model: nn.Module, x: Tensor, gone: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Return the network without some of its blocks, and with zeros in place of these."""
    units, _ = GRANULARITIES.get("depth").implementation(model, x)
    (stage,) = units
    keep = torch.ones(stage.count, dtype=torch.bool)
    keep[list(gone)] = False
    applied = apply(model, units, {stage.name: keep})
    again = Surgery.from_json(applied.surgery.model_dump_json()).perform(model)
    return again, masked(model, applied.masks)


def generated(model: nn.Module, x: Tensor, **how: object) -> Tensor:
    return model.generate(x, attention_mask=torch.ones_like(x), max_new_tokens=6, do_sample=False,
                          eos_token_id=None, pad_token_id=0, **how)  # fmt: skip


def places(model: nn.Module) -> list[int]:
    found = [vars(part).get("layer_idx") for part in model.modules()]
    return list(dict.fromkeys(place for place in found if place is not None))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_goes_on_as_the_masked_network_has_it(family):
    model = made(family)
    x = torch.randint(3, 97, (2, 7), generator=torch.Generator().manual_seed(1))
    small, preview = cut(model, x, (0, 1))
    expected = generated(preview, x, use_cache=False)
    assert not torch.equal(expected, generated(model, x, use_cache=False))
    for how in ({"use_cache": False}, {"use_cache": True},
                {"use_cache": True, "cache_implementation": "static"}):  # fmt: skip
        assert torch.equal(generated(small, x, **how), expected), how
    with torch.no_grad():  # without what `generate` says of places
        begun = small(x, use_cache=True)
        assert begun.past_key_values.get_seq_length() == x.shape[1]
        more = torch.cat([x, expected[:, 7:9]], 1)
        rest = small(more[:, 7:], past_key_values=begun.past_key_values, use_cache=True).logits
        torch.testing.assert_close(rest, preview(more).logits[:, 7:], rtol=1e-4, atol=1e-4)


def test_each_block_takes_a_place_of_its_own_kind():
    model = made("Gemma3")  # three that look back a little, and one that looks at everything
    x = torch.arange(3, 10)[None]
    small, _ = cut(model, x, (1,))
    assert places(small.model.layers[0].self_attn) == [0]
    assert places(small.model.layers[2].self_attn) == [2]
    assert places(small.model.layers[3].self_attn) == [1]
    alone, preview = cut(model, x, (0, 1, 3))  # none is of the first place's kind any more
    assert places(alone.model.layers[2].self_attn) == [0]
    assert alone.config.layer_types == [FULL, SLIDES, FULL, SLIDES]
    assert model.config.layer_types == [SLIDES, SLIDES, FULL, SLIDES]
    expected = generated(preview, x, use_cache=False)
    how = {"use_cache": True, "cache_implementation": "static"}
    assert torch.equal(generated(alone, x, **how), expected)
    assert places(model.model.layers) == [0, 1, 2, 3]


def test_what_is_cut_twice_is_numbered_twice():
    model = made("Llama")
    x = torch.arange(3, 10)[None]
    once, _ = cut(model, x, (0,))
    units, _ = GRANULARITIES.get("depth").implementation(once, x)
    assert units[0].blocks == tuple(f"model.layers.{number}" for number in (1, 2, 3))
    twice, preview = cut(once, x, (1,))
    left = [places(twice.model.layers[number].self_attn) for number in (1, 3)]
    assert left == [[0], [1]]
    how = {"use_cache": True, "cache_implementation": "static"}
    assert torch.equal(generated(twice, x, **how), generated(preview, x, use_cache=False))
