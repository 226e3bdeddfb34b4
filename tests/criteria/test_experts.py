"""Experts of a mixture go whole: the router chooses among the others, as if it had no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pruneviz.apply import Applied, apply
from pruneviz.granularity.expert import ExpertUnits
from pruneviz.proof import find_units
from pruneviz.proof.prove import TOLERANCE
from pruneviz.pruned.surgery import Surgery
from pruneviz.statistics import Samples, StatisticRequest
from pruneviz.statistics.experts import routed_activation
from pruneviz.ui import architecture
from pruneviz.wording import RefusedError, unseen
from pruneviz.wording.refusals import choosing
from tests.families import made_of

SIZES = {"vocab_size": 61, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32,
         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
MIXTURE = {**SIZES, "num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 8}
FAMILIES = {
    "Mixtral": {**SIZES, "num_local_experts": 6},
    "Qwen2Moe": {**MIXTURE, "shared_expert_intermediate_size": 8},
    "Qwen3Moe": {**MIXTURE, "head_dim": 8, "norm_topk_prob": True},
}
TOKENS = torch.randint(3, 61, (3, 9), generator=torch.Generator().manual_seed(1))


def made(family: str) -> nn.Module:
    return made_of(family, FAMILIES[family])


def without(model: nn.Module, gone: tuple[int, ...]) -> Applied:
    units, _ = find_units(model, TOKENS, "expert")
    keep = {each.name: torch.ones(each.count, dtype=torch.bool) for each in units}
    for stays in keep.values():
        stays[list(gone)] = False
    return apply(model, units, keep)


def refusing(gone: tuple[int, ...], normal: bool) -> Callable[..., tuple[Tensor, ...]]:
    """Return how a router chooses in whose scores −∞ stands for experts that are gone."""

    def forward(self: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        scores = F.linear(x.reshape(-1, x.shape[-1]), self.weight)
        scores[:, list(gone)] = -torch.inf
        weights, chosen = torch.topk(scores.softmax(-1, dtype=torch.float), self.top_k, dim=-1)
        return scores, weights / weights.sum(-1, keepdim=True) if normal else weights, chosen

    return forward


@pytest.mark.parametrize(
    ("family", "gone"),
    [("Mixtral", (0, 3)), ("Qwen2Moe", (0, 3)), ("Qwen3Moe", (1, 2, 4, 5))],
)
def test_the_others_serve_as_if_the_router_refused_those_that_go(family, gone, monkeypatch):
    model = made(family)
    applied = without(model, gone)
    assert applied.max_relative_error(TOKENS) <= TOLERANCE
    small = Surgery.from_json(applied.surgery.model_dump_json()).perform(model)
    mixture = small.model.layers[1].mlp
    assert mixture.experts.num_experts == mixture.gate.num_experts == 6 - len(gone)
    assert len(mixture.experts.down_proj) == len(mixture.gate.weight) == 6 - len(gone)
    normal = family != "Qwen2Moe"
    kind = type(model.model.layers[0].mlp.gate)
    before = model(TOKENS).logits
    found = small(TOKENS).logits
    text = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    longer = small.generate(TOKENS, use_cache=True, **text)
    monkeypatch.setattr(kind, "forward", refusing(gone, normal))
    torch.testing.assert_close(found, model(TOKENS).logits, rtol=1e-4, atol=1e-4)
    assert torch.equal(longer, model.generate(TOKENS, use_cache=False, **text))
    assert float((found - before).abs().max()) > 0.01


def test_as_many_stay_as_serve_a_token():
    model = made("Mixtral")
    units, skipped = find_units(model, TOKENS, "expert")
    assert [(each.name, each.count, each.least) for each in units] == [
        (f"model.layers.{number}.mlp.experts", 6, 2) for number in (0, 1)
    ]
    assert all(isinstance(each, ExpertUnits) for each in units)
    why = {item.name: item.why for item in skipped}
    assert why["lm_head"] == (unseen.no_experts(),)
    assert not any("gate" in name or "experts" in name for name in why)
    keep = torch.arange(6) > 1
    said = architecture.weights_sentence(units[0], keep, "expert")
    assert said.startswith("2 of the 6 experts")
    assert said.endswith(architecture.EXPERTS)
    sizes = 3 * 16 * 24  # gate, up and down
    assert units[0].sizes().tolist() == [sizes] * 6
    assert units[0].sum(dict(model.named_parameters()).get).shape == (6,)
    every = made_of("Mixtral", {**FAMILIES["Mixtral"], "num_experts_per_tok": 6})
    units, skipped = find_units(every, TOKENS, "expert")
    assert units == ()
    why = {item.name: item.why for item in skipped}
    assert why["model.layers.0.mlp.experts"] == (unseen.all_experts_serve(6),)


def test_a_router_without_a_softmax_is_said_to_have_none(monkeypatch):
    model = made("Mixtral")

    def forward(self: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        scores = F.linear(x.reshape(-1, x.shape[-1]), self.weight).sigmoid()
        return scores, *torch.topk(scores, self.top_k, dim=-1)

    monkeypatch.setattr(type(model.model.layers[0].mlp.gate), "forward", forward)
    units, skipped = find_units(model, TOKENS, "expert")
    assert units == ()
    why = {item.name: item.why for item in skipped}
    assert why["model.layers.0.mlp.experts"] == (unseen.router_is_no_softmax(),)


def test_reap_is_its_formula():
    model = made("Mixtral")
    units, _ = find_units(model, TOKENS, "expert")
    mixture, given = model.model.layers[0].mlp, list[Tensor]()
    hook = mixture.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    model(TOKENS)
    hook.remove()
    weights = {name: tensor.double() for name, tensor in mixture.named_parameters()}
    weighed: dict[int, list[float]] = {expert: [] for expert in range(6)}
    for x in given[0].reshape(-1, 16).double():
        best = (weights["gate.weight"] @ x).softmax(-1).topk(2)
        shares = best.values / best.values.sum()
        for share, expert in zip(shares, best.indices.tolist(), strict=True):
            gate, up = (weights["experts.gate_up_proj"][expert] @ x).chunk(2)
            answer = weights["experts.down_proj"][expert] @ (F.silu(gate) * up)
            weighed[expert].append(float(share * answer.norm()))
    by_hand = [sum(each) / max(1, len(each)) for each in weighed.values()]
    samples = Samples(x=TOKENS, y=torch.zeros(3, dtype=torch.long), at_once=2)
    asked = StatisticRequest(
        criterion="reap", model=model, example=TOKENS, units=units, given=samples
    )
    found = routed_activation(asked)[units[0].name]
    torch.testing.assert_close(found, torch.tensor(by_hand).double(), rtol=1e-5, atol=0)
    channels, _ = find_units(model, TOKENS, "channel")
    with pytest.raises(RefusedError) as caught:
        routed_activation(replace(asked, units=channels))
    assert caught.value.fact == choosing.experts_alone("reap")
