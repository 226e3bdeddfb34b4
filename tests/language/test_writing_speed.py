"""How fast two networks write: timed in turns, with the cache where it answers as a whole pass."""

from __future__ import annotations

import pytest
import torch

from pruneviz.language import speed
from pruneviz.language.generate import Way, Writer
from pruneviz.language.speed import WritingTimer, answers_as_whole, rates
from pruneviz.subjects.samples.small_llama import SmallLlama
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.language import writing

PROMPT = [5, 6, 7, 8]


def llama(**settings):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {
        "vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 64,
        "initializer_range": 0.5, "use_cache": False,
    }  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**{**sizes, **settings})).eval()


def small():
    torch.manual_seed(0)
    return SmallLlama(tokens=50, width=24, blocks=1, size=4).eval()


def read(network) -> list[int]:
    """Return, as it grows, how many tokens each pass of a network reads."""
    seen = []
    network.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(args[0].shape[1]), with_kwargs=True
    )
    return seen


@pytest.mark.parametrize("made", [llama, small])
def test_a_turn_reads_the_prompt_once_and_then_a_token_or_all_where_nothing_is_kept(made):
    first, second = made(), made()
    timer = WritingTimer(first, second, PROMPT, tokens=5)
    seen = read(first), read(second)
    for _ in range(3):
        timer.turn()
    once = [4, 1, 1, 1, 1] if made is llama else [4, 5, 6, 7, 8]
    assert seen == (once * 3, once * 3)
    times = timer.times()
    assert times.cached == ((True, True) if made is llama else (False, False))
    assert (times.prompt, times.tokens, timer.turns) == (4, 5, 3)
    for timings in (times.first, times.each):
        assert timings.original_ms.shape == timings.pruned_ms.shape == (3,)
        assert (timings.original_ms > 0).all()
    for rate in rates(times):
        assert rate.interval[0] <= rate.value <= rate.interval[1]


def test_times_are_those_of_the_clock_and_who_begins_changes(monkeypatch):
    first, second = llama(), llama()
    timer = WritingTimer(first, second, PROMPT, tokens=3)
    clock, order = [0], []
    cost = {id(first): 4_000_000, id(second): 1_000_000}  # ns of a pass

    def passes(module, args, kwargs):
        clock[0] += cost[id(module)]
        order.append(module is second)

    for network in (first, second):
        network.register_forward_pre_hook(passes, with_kwargs=True)
    monkeypatch.setattr(speed.time, "perf_counter_ns", lambda: clock[0])
    timer.turn()
    timer.turn()
    assert order == [False] * 3 + [True] * 6 + [False] * 3
    times = timer.times()
    assert times.first.original_ms.tolist() == times.each.original_ms.tolist() == [4.0, 4.0]
    assert times.first.pruned_ms.tolist() == times.each.pruned_ms.tolist() == [1.0, 1.0]
    assert [rate.value for rate in rates(times)] == [250.0, 1000.0]
    assert times.each.summary().speedup == 4.0


def test_a_text_that_would_end_is_timed_in_full_and_a_wrong_cache_is_not_used():
    made = llama()
    made.generation_config.eos_token_id = int(made(torch.tensor([PROMPT])).logits[0, -1].argmax())
    writer = Writer(made, PROMPT, Way(most=5))
    writer.step()
    assert writer.ended == "end"
    assert answers_as_whole(made, PROMPT)
    attention = made.model.layers[0].self_attn
    forward = attention.forward
    attention.forward = lambda *args, past_key_values=None, **kwargs: forward(
        *args, past_key_values=None, **kwargs
    )
    assert not answers_as_whole(made, PROMPT)


def test_what_cannot_be_timed_is_refused():
    made = llama()
    with pytest.raises(RefusedError) as caught:
        WritingTimer(small(), small(), [])
    assert caught.value.fact in writing.nothing_to_go_on
    for prompt, tokens, kind in (
        (PROMPT, 1, writing.too_few_to_time), ([1] * 60, 5, writing.prompt_too_long),
        ([], 5, writing.nothing_to_go_on),
    ):  # fmt: skip
        with pytest.raises(RefusedError) as caught:
            WritingTimer(made, made, prompt, tokens)
        assert caught.value.fact in kind
    with pytest.raises(RefusedError, match="5 places are left"):
        WritingTimer(made, made, [1] * 60, 5)
