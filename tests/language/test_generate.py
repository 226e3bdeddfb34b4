"""Texts that go on as with transformers' own `generate`: with the cache, without, after a cut."""

from __future__ import annotations

import pytest
import torch

from pruneviz.apply import apply
from pruneviz.language.generate import SideBySide, Way, Writer, end_tokens
from pruneviz.proof import find_units
from pruneviz.subjects.samples.small_llama import SmallLlama
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.language import writing

PROMPT = [5, 6, 7, 8]
SIZES = {
    "vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 64,
    "initializer_range": 0.5, "use_cache": False,
}  # fmt: skip


def llama(seed: int = 0, **settings):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(**{**SIZES, **settings})).eval()


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.5,
        eos_token_id=96, bos_token_id=96, use_cache=False,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def written(network, way: Way, prompt=PROMPT, **how) -> Writer:
    writer = Writer(network, prompt, way, **how)
    while writer.step() is not None:
        pass
    return writer


def theirs(network, most: int) -> list[int]:
    found = network.generate(torch.tensor([PROMPT]), max_new_tokens=most, do_sample=False)
    return found[0, len(PROMPT) :].tolist()


@pytest.mark.parametrize("network", [llama, gpt2])
def test_the_likeliest_tokens_are_those_of_transformers(network):
    made = network()
    found = written(made, Way(most=30))
    assert found.cached
    assert found.written == theirs(made, 30)
    assert found.written == written(made, Way(most=30), cache=False).written


def test_a_text_ends_at_the_end_token_as_transformers_ends_it():
    made = llama()
    fifth = theirs(made, 30)[5]
    made.generation_config.eos_token_id = [fifth, 1]
    assert end_tokens(made) == {fifth, 1}
    found = written(made, Way(most=30))
    assert found.ended == "end"
    assert found.written == theirs(made, 30)
    assert found.written[-1] == fifth
    assert found.step() is None


def cut(network, kind: str):
    x = torch.randint(97, (2, 9), generator=torch.Generator().manual_seed(0))
    units, _ = find_units(network, x, kind)
    keep = {layer.name: torch.arange(layer.count) % 2 == 0 for layer in units}
    if kind == "depth":
        keep = {layer.name: torch.arange(layer.count) != 0 for layer in units}
    return apply(network, units, keep).model


@pytest.mark.parametrize("kind", ["channel", "head", "depth"])
def test_a_cut_network_writes_with_its_cache_what_it_writes_without(kind):
    small = cut(llama(), kind)
    found = written(small, Way(most=20))
    assert found.cached
    assert found.written == written(small, Way(most=20), cache=False).written


def test_a_cache_that_answers_otherwise_is_left_alone():
    made = llama()
    right = written(made, Way(most=12)).written
    attention = made.model.layers[0].self_attn
    forward = attention.forward

    def forgets(*args, past_key_values=None, **kwargs):
        return forward(*args, past_key_values=None, **kwargs)

    attention.forward = forgets
    found = written(made, Way(most=12))
    assert not found.cached
    assert found.written == right


def test_tokens_are_drawn_with_the_seed_and_with_the_probabilities():
    made = llama(initializer_range=0.2)
    way = Way(most=16, temperature=1.0, seed=3)
    assert written(made, way).written == written(made, way).written
    assert written(made, way).written != written(made, Way(most=16, temperature=1.0)).written
    logits = torch.tensor([0.0, 1.0, 2.0, -torch.inf, torch.nan])
    drawn = [Way(temperature=0.7, seed=seed).chosen(logits, 2) for seed in range(4_000)]
    share = torch.bincount(torch.tensor(drawn), minlength=5) / 4_000
    expected = (logits[:3].double() / 0.7).softmax(0)
    # four standard errors of a share of 4,000
    assert (share[:3] - expected).abs().max() < 4 * 0.5 / 4_000**0.5
    assert share[3:].sum() == 0


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_two_networks_that_say_the_same_write_the_same(temperature):
    torch.manual_seed(0)
    for first, second in ((llama(), llama()), [SmallLlama(tokens=50, width=24, size=4).eval()] * 2):
        both = SideBySide(first, second, PROMPT, Way(most=10, temperature=temperature))
        assert [None for _ in both.steps()] == [None] * 10
        assert both.original.written == both.pruned.written
        assert len(both.pruned.written) == 10


def test_a_network_without_a_cache_takes_whole_passes():
    torch.manual_seed(0)
    made = SmallLlama(tokens=50, width=24, size=4).eval()
    found = written(made, Way(most=8))
    assert not found.cached
    every = list(PROMPT)
    with torch.no_grad():
        for token in found.written:
            assert token == int(made(torch.tensor([every]))[0, -1].argmax())
            every.append(token)


def test_a_text_ends_where_the_network_has_no_more_places():
    found = written(gpt2(), Way(most=100), prompt=[3] * 60)
    assert found.ended == "places"
    assert len(found.written) == 4


def test_what_cannot_be_written_is_refused():
    made = llama()
    with pytest.raises(RefusedError) as refused:
        Writer(made, [], Way())
    assert refused.value.fact in writing.nothing_to_go_on
    with pytest.raises(RefusedError) as refused:
        Writer(made, [1] * 64, Way())
    assert refused.value.fact == writing.prompt_too_long(64, 64, 1)
    with pytest.raises(RefusedError) as refused:
        Way(most=0)
    assert refused.value.fact == writing.no_tokens_asked(0)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(RefusedError) as refused:
            Way(temperature=wrong)
        assert refused.value.fact in writing.no_temperature
