"""Where heads look: the weights that transformers gives, and which heads of a cut network stay."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz.apply import apply
from pruneviz.explain.attention import (
    Attention,
    attention_weights,
    attentions,
    heads_left,
    moved,
)
from pruneviz.figures.inputs.heads import head_pictures, what_to_see
from pruneviz.network.masks import masked
from pruneviz.proof import find_units
from pruneviz.subjects.samples.small_llama import SmallLlama
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import explaining
from tests.families import made_of

SIZES = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 2, "head_dim": 8}
OTHER = {"vocab_size": 97, "n_layer": 2, "n_head": 4, "bos_token_id": 1, "eos_token_id": 2}
FAMILIES = {
    "Llama": GROUPED, "Gemma2": GROUPED, "GPTNeoX": SIZES, "Bloom": {**OTHER, "hidden_size": 32},
    "Mistral": {**GROUPED, "sliding_window": 4},
    "GPT2": {**OTHER, "n_embd": 32, "n_positions": 64},
}  # fmt: skip
TOKENS = torch.randint(3, 97, (1, 9), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_are_those_that_transformers_gives(family):
    model = made_of(family, FAMILIES[family])
    found = attentions(model, TOKENS)
    ours = [attention_weights(model, TOKENS, each.place) for each in found]
    model.set_attn_implementation("eager")
    theirs = model(TOKENS, output_attentions=True).attentions
    assert [each.heads for each in found] == [4, 4]
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their[0], atol=1e-6, rtol=0)
        assert torch.equal(our == 0, their[0] == 0)


class Logits(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x).logits


@pytest.mark.parametrize("family", ["Llama", "GPT2", "GPTNeoX"])
def test_the_heads_that_stay_are_those_that_the_masked_network_has(family):
    model = Logits(made_of(family, FAMILIES[family]))
    units, _ = find_units(model, TOKENS, "head")
    last = units[-1]
    keep = {each.name: torch.ones(each.count, dtype=torch.bool) for each in units}
    keep[units[0].name][0] = keep[last.name][last.count - 1] = False
    cut = apply(model, units, keep)
    before, after = attentions(model, TOKENS), attentions(cut.model, TOKENS)
    for each, other, ends in zip(before, after, ((True, False), (False, True)), strict=True):
        left = heads_left(each, other.heads, units, keep)
        assert (not bool(left[0]), not bool(left[-1])) == ends
        assert int(left.sum()) == other.heads < each.heads
        full = attention_weights(masked(model, cut.masks), TOKENS, each.place)
        small = attention_weights(cut.model, TOKENS, other.place)
        torch.testing.assert_close(full[left], small, atol=1e-6, rtol=0)


def test_what_cannot_be_had_is_said():
    network = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9))
    x = torch.tensor([[1, 2, 3]])
    assert attentions(network, x) == ()
    with pytest.raises(RefusedError) as refusal:
        attention_weights(network, x, ("0", 0))
    assert refusal.value.fact in explaining.no_attention
    with pytest.raises(RefusedError) as refusal:
        heads_left(Attention("blocks.0.attention", 0, 4), 3, (), {})
    assert refusal.value.fact in explaining.heads_unknown


def test_a_function_of_its_own_is_not_taken_for_attention():
    """Where weights times values are not the answer, nothing is drawn."""
    torch.manual_seed(0)
    network = SmallLlama(tokens=20, width=8, blocks=1, heads=2, groups=1, size=4, hidden=8).eval()
    assert [each.heads for each in attentions(network, TOKENS % 20)] == [2]
    drops = nn.functional.scaled_dot_product_attention

    class Dropped(SmallLlama):
        def forward(self, x):
            h = self.embedding(x)[:, None]
            return self.head(drops(h, h, h, dropout_p=0.9)[:, 0])

    odd = Dropped(tokens=20, width=8, blocks=1, heads=2, groups=1, size=4, hidden=8).eval()
    assert attentions(odd, TOKENS % 20) == ()


def test_how_much_attention_moved_is_half_the_difference():
    before = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    after = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    assert moved(before, after).tolist() == [0.25]
    assert moved(before, before).tolist() == [0.0]


def test_a_picture_is_blank_where_nothing_is_looked_at_and_says_what_is_removed():
    weights = torch.tensor([[[1.0, 0.0], [0.25, 0.75]]] * 2)
    figure = head_pictures(["a", "b"], weights, [weights[0], None], [0, 1], "title")
    heats = [trace for trace in figure.data if trace.type == "heatmap"]
    assert len(heats) == 3
    assert torch.tensor(heats[0].z).isnan().tolist() == [[False, True], [False, False]]
    assert [t.text[0] for t in figure.data if t.type == "scatter" and t.mode == "text"] == [
        "<b>removed</b>"
    ]
    assert any(t.fillpattern.shape for t in figure.data if t.type == "scatter")
    names = [each.text for each in figure.layout.annotations]
    assert names == ["original, head 0", "original, head 1", "pruned, head 0", "pruned, head 1"]
    left, none = torch.tensor([True, False]), torch.zeros(2, dtype=torch.bool)
    by = torch.tensor([0.13, 0.0])
    assert what_to_see("h.0", left, by) == (
        "h.0: 1 of 2 heads are removed; head 0 moved most of its attention, 13.0 %"
    )
    assert what_to_see("h.0", none, by) == "h.0: the plan removes it whole, all 2 heads"
    same = "h.0: all 2 heads stay, and those that stay look where they looked"
    assert what_to_see("h.0", ~none, 0 * by) == same
