"""The memory that tensors take while a network computes, beside what its sizes say."""

from __future__ import annotations

import torch
from torch import nn

from pruneviz.language.memory import peak_tensor_bytes
from pruneviz.language.speed import WritingTimer
from tests.language.test_writing_speed import PROMPT, llama


def made(action):
    return peak_tensor_bytes(nn.Identity(), action)


def peaks(original, pruned, tokens):
    timer = WritingTimer(original, pruned, PROMPT, tokens=tokens)
    timer.turn()
    return timer.times().peaks


def test_what_is_let_go_makes_room_and_what_is_shared_counts_once():
    def one_after_the_other():
        first = torch.zeros(1000)
        del first
        second = torch.zeros(600)
        return second

    def beside_each_other():
        first = torch.zeros(1000)
        return first, torch.zeros(600)

    def through_a_view():
        part = torch.zeros(1000)[:10].view(2, 5)
        part.add_(1)
        return part, torch.zeros(600)

    assert made(one_after_the_other) == 4000
    assert made(beside_each_other) == made(through_a_view) == 6400
    assert made(lambda: None) == 0


def test_weights_count_once_and_what_a_layer_answers_beside_what_it_is_given():
    first, last = nn.Linear(7, 11), nn.Linear(11, 7, bias=False)
    last.weight = nn.Parameter(first.weight.detach().T)  # the same memory
    network, x = nn.Sequential(first, nn.ReLU(), last), torch.zeros(5, 7)
    weights = 4 * (7 * 11 + 11)
    with torch.inference_mode():
        assert peak_tensor_bytes(network, lambda: network(x)) == weights + 2 * 4 * 5 * 11


def test_a_cache_grows_with_what_is_written():
    network = llama()
    weights = sum(4 * p.numel() for p in network.parameters())
    few, many = (peaks(network, network, tokens) for tokens in (23, 43))
    a_token = 2 * 2 * 2 * 8 * 4  # blocks, keys and values, groups, numbers a head, bytes
    for short, long in zip(few, many, strict=True):
        assert weights < short
        assert long - short >= 20 * a_token
    smaller = llama(intermediate_size=24)
    before, after = peaks(network, smaller, 3)
    assert before - after >= 2 * 3 * 24 * 32 * 4
