"""Texts of several lengths, filled up on either side: what is cut answers as what is masked."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import Tensor, nn

from pruneviz.apply import Applied, apply
from pruneviz.network.cuttable_forms import make_explicit
from pruneviz.network.duplicate import duplicate
from pruneviz.network.inputs import Inputs, call
from pruneviz.network.masks import masked
from pruneviz.proof import find_units
from pruneviz.proof.prove import TOLERANCE
from pruneviz.pruned.surgery import Surgery
from tests.families import made_of

SIZES = {"vocab_size": 61, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 4, "max_position_embeddings": 32,
         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 2}
BLOOM = {**SIZES, "n_head": 4, "n_layer": 2}
FAMILIES = {"Llama": GROUPED, "Phi3": GROUPED, "Bloom": BLOOM, "OPT": {**SIZES, "ffn_dim": 24,
                                                       "word_embed_proj_dim": 16}}  # fmt: skip
SIDES = {"neither": slice(0), "left": slice(2), "right": slice(-2, None)}
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def texts(side: str) -> dict[str, Tensor]:
    """Return two texts, the first of which is filled up on a side."""
    ids = torch.randint(3, 61, (2, 6), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[0, SIDES[side]] = 0
    return {"input_ids": ids * mask, "attention_mask": mask}


def cut(model: nn.Module, granularity: str, given: Inputs) -> Applied:
    """Return a network without the first half of each layer's units."""
    units, _ = find_units(model, given, granularity)
    assert units
    keep = {layer.name: torch.arange(layer.count) >= layer.count // 2 for layer in units}
    return apply(model, units, keep)


@pytest.mark.parametrize(
    ("family", "granularity"),
    [("Llama", "channel"), ("Phi3", "head"), ("Bloom", "head"), ("OPT", "channel")],
)
def test_a_mask_means_the_same_in_both(family, granularity):
    model = made_of(family, FAMILIES[family])
    given = Inputs(kwargs={**texts("left"), "use_cache": False})
    applied = cut(model, granularity, given)
    for side in SIDES:
        batch = Inputs(kwargs={**texts(side), "use_cache": False})
        assert applied.max_relative_error(batch) <= TOLERANCE


@pytest.mark.parametrize(
    ("family", "side"), [*((family, "left") for family in FAMILIES), ("Llama", "neither")]
)
def test_texts_go_on_without_half_of_the_heads(family, side):
    model = made_of(family, FAMILIES[family])
    given = texts(side)
    applied = cut(model, "head", Inputs(kwargs={**given, "use_cache": False}))
    how = {**given, "max_new_tokens": 4, "do_sample": False, "eos_token_id": None}
    expected = masked(model, applied.masks).generate(**how, use_cache=False)
    assert not torch.equal(model.generate(**how, use_cache=False), expected)
    for cache in ({"use_cache": False}, {"use_cache": True},
                  {"use_cache": True, "cache_implementation": "static"}):  # fmt: skip
        assert torch.equal(applied.model.generate(**how, **cache), expected), cache


@pytest.mark.parametrize(("attention", "turned"), [("sdpa", 0.5), ("eager", 1.0)])
def test_phi_3_answers_as_before_in_the_form_that_is_cut(attention, turned):
    rope = {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": turned}
    config = transformers.Phi3Config(**GROUPED, rope_parameters=rope)
    torch.manual_seed(0)
    kind = transformers.Phi3ForCausalLM
    model = kind._from_config(config, attn_implementation=attention).double().eval()
    explicit = duplicate(model)
    make_explicit(explicit, model)
    assert type(explicit.model.layers[0].self_attn) is not type(model.model.layers[0].self_attn)
    with torch.no_grad():
        found, expected = explicit(**texts("right")).logits, model(**texts("right")).logits
    torch.testing.assert_close(found, expected, **EXACT)
    given = Inputs(kwargs={**texts("right"), "use_cache": False})
    assert cut(model, "head", given).max_relative_error(given) <= TOLERANCE


def test_blooms_heads_keep_their_slopes_layer_by_layer_and_when_cut_again():
    model = made_of("Bloom", BLOOM)
    explicit = duplicate(model)
    make_explicit(explicit, model)
    given = Inputs(kwargs={**texts("left"), "use_cache": False})
    with torch.no_grad():
        found, expected = call(explicit, given).logits, call(model, given).logits
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    first, second = find_units(model, given, "head")[0]
    keep = {first.name: torch.tensor([False, True, True, False]),
            second.name: torch.tensor([True, False, True, True])}  # fmt: skip
    applied = apply(model, (first, second), keep)
    assert applied.max_relative_error(given) <= TOLERANCE
    small = Surgery.from_json(applied.surgery.model_dump_json()).perform(model)
    assert [layer.self_attention.num_heads for layer in small.transformer.h] == [2, 3]
    with torch.no_grad():  # a slope of another head makes a difference
        wrong = duplicate(small)
        wrong.transformer.h[0].self_attention._heads = (2, 2, 1, 1)
        assert not torch.allclose(call(wrong, given).logits, call(small, given).logits, atol=1e-4)
    last = find_units(small, given, "head")[0][-1]
    again = apply(small, (last,), {last.name: torch.tensor([True, False, True])})
    assert again.max_relative_error(given) <= TOLERANCE
    keep[second.name] = torch.tensor([True, False, False, True])
    whole = apply(model, (first, second), keep).model
    with torch.no_grad():
        torch.testing.assert_close(call(again.model, given).logits, call(whole, given).logits)
