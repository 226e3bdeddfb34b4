"""Block influence: its formula by hooks in float64, on tokens, pixels and features."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torchvision
import transformers
from torch import Tensor, nn

from pruneviz import run
from pruneviz.criteria import CRITERIA, score_asked
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import choosing
from tests.networks import Stacked
from tests.scoring import asked, scored


class Logits(nn.Module):
    """A tiny Llama as a function of token numbers."""

    def __init__(self) -> None:
        super().__init__()
        config = transformers.LlamaConfig(
            vocab_size=31, hidden_size=16, intermediate_size=24, num_hidden_layers=4,
            num_attention_heads=2, num_key_value_heads=1, use_cache=False,
        )  # fmt: skip
        self.network = transformers.LlamaForCausalLM(config)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.network(tokens).logits


def by_hooks(model: nn.Module, x: Tensor, paths: list[str], channels: int) -> dict[str, Tensor]:
    """Return 1 − mean cosine of each module's input and output over all samples at once."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = [
        model.get_submodule(path).register_forward_hook(
            lambda _, args, out, path=path: seen.update({path: (args[0].clone(), out)})
        )
        for path in paths
    ]
    with torch.no_grad():
        model.double()(x.double() if x.is_floating_point() else x)
    for hook in hooks:
        hook.remove()
    model.float()
    return {
        path: 1 - nn.functional.cosine_similarity(*pair, dim=channels, eps=1e-30).mean()
        for path, pair in seen.items()
    }


def blocks(model: nn.Module, x: Tensor, channels: int) -> None:
    units, scores = scored(model, x, "block_influence", "depth")
    assert units
    for layer in units:
        numbers = layer.bypassed(torch.zeros(layer.count, dtype=torch.bool))
        found = by_hooks(model, x, list(numbers), channels)
        expected = torch.stack([found[path] for path in numbers])
        torch.testing.assert_close(scores[layer.name].double(), expected, atol=1e-6, rtol=1e-5)
        assert len(scores[layer.name].unique()) == layer.count


def test_of_tokens_it_is_the_papers_formula():
    torch.manual_seed(0)
    blocks(Logits().eval(), torch.randint(0, 31, (70, 9)), channels=-1)  # of two batches


def test_of_pixels_a_place_is_a_pixel():
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=4).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.2)
    blocks(model, torch.randn(3, 3, 48, 48), channels=1)


def test_of_feature_vectors_there_is_one_place():
    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(6, 9), nn.Linear(9, 6)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.two(torch.relu(self.one(x)))

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), Step(), Step(), nn.Linear(6, 3)).eval()
    blocks(model, torch.randn(8, 5), -1)


def test_a_block_that_changes_nothing_has_none_and_goes_first():
    torch.manual_seed(0)
    model = Stacked().eval()
    last = model.one[1]
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    _, scores = scored(model, torch.randn(4, 3, 16, 16), "block_influence", "depth")
    assert scores["one"][1].abs() < 1e-12
    assert scores["one"].argmin() == 1


@pytest.mark.parametrize("criterion", ["fpgm", "similarity"])
def test_what_ranks_filters_is_refused_for_blocks(criterion):
    subject = load_subject(Plan(model="sample:digits-resnet"))
    told = choosing.no_filters(criterion)
    with pytest.raises(RefusedError) as early:
        run.prepare(subject, Plan(criterion=criterion, granularity="depth"))
    with pytest.raises(RefusedError) as late:
        score_asked(asked(Stacked().eval(), torch.randn(2, 3, 16, 16), criterion, "depth"))
    assert early.value.fact == late.value.fact == told
    assert told.field == "criterion"
    assert "block_influence" in str(told)
    assert not CRITERIA.get(criterion).fits("depth")


def test_it_is_refused_for_what_is_no_block():
    subject = replace(load_subject(Plan(model="sample:digits-resnet")), data=None)
    for granularity in ("channel", "weight"):
        with pytest.raises(RefusedError) as early:
            run.prepare(subject, Plan(criterion="block_influence", granularity=granularity))
        question = asked(
            Stacked().eval(), torch.randn(2, 3, 16, 16), "block_influence", granularity
        )
        with pytest.raises(RefusedError) as late:
            score_asked(question)
        assert early.value.fact == late.value.fact == choosing.blocks_alone("block_influence")
