"""Linear layers whose weight lies (inputs, outputs), as GPT-2's: the same as with torch's own."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from pruneviz.allocate import Ranking, allocate
from pruneviz.apply import apply
from pruneviz.criteria import score_asked, updated
from pruneviz.granularity.taken import taken
from pruneviz.network.duplicate import duplicate
from pruneviz.network.plain_layers import inputs_first
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.pruned.surgery import Surgery
from pruneviz.statistics import layers_of
from tests.scoring import asked


class Logits(nn.Module):
    """A tiny GPT-2 as a function of token numbers."""

    def __init__(self) -> None:
        super().__init__()
        config = transformers.GPT2Config(
            vocab_size=29, n_embd=16, n_layer=2, n_head=2, n_positions=16,
            bos_token_id=1, eos_token_id=2, use_cache=False,
        )  # fmt: skip
        self.network = transformers.GPT2LMHeadModel(config)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.network(tokens).logits[:, -1]


@pytest.fixture(scope="module")
def gpt() -> nn.Module:
    torch.manual_seed(0)
    model = Logits().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0, 0.2)
    return model


@pytest.fixture(scope="module")
def oracle(gpt) -> nn.Module:
    """The same network with each Conv1D as torch's linear layer."""
    other = duplicate(gpt)
    for path, module in list(other.named_modules()):
        if isinstance(module, Conv1D):
            linear = nn.Linear(module.nx, module.nf)
            linear.load_state_dict({"weight": module.weight.T, "bias": module.bias})
            other.set_submodule(path, linear.eval())
    return other


TOKENS = torch.randint(0, 29, (6, 8), generator=torch.Generator().manual_seed(3))
LABELS = torch.randint(0, 29, (6,), generator=torch.Generator().manual_seed(4))
PAIRS = [
    ("magnitude_l1", "weight"), ("magnitude_l2", "n_m"), ("wanda", "weight"), ("wanda", "n_m"),
    ("wanda", "block"), ("sparsegpt", "weight"), ("obs", "weight"), ("taylor", "weight"),
    ("activation_variance", "weight"), ("activation_l2", "weight"), ("taylor_activation", "weight"),
    ("lamp", "weight"), ("fpgm", "weight"), ("wanda", "channel"), ("activation_mean", "head"),
]  # fmt: skip


def masks_of(model: nn.Module, criterion: str, granularity: str) -> dict[str, Tensor]:
    """Return what stays of each weight at half, and the new values where a criterion gives any."""
    question = asked(model, TOKENS, criterion, granularity, LABELS)
    found = score_asked(question)
    keep = allocate(
        question.units, Ranking.of(question.units, found.scores), Plan(sparsity=0.5)
    ).keep
    masks = apply(model, question.units, keep).masks
    if criterion not in ("sparsegpt", "obs"):
        return {name: mask.float() for name, mask in masks.items()}
    new = updated(model, criterion, question.settings, masks, found.evidence)
    return {name: p.detach() for name, p in new.named_parameters() if name in masks}


@pytest.mark.parametrize(("criterion", "granularity"), PAIRS)
def test_masks_and_new_values_are_those_of_torchs_linear_layers(
    gpt, oracle, criterion, granularity
):
    mine, right = (masks_of(model, criterion, granularity) for model in (gpt, oracle))
    assert mine.keys() == right.keys()
    turned = {f"{path}.weight" for path, m in gpt.named_modules() if isinstance(m, Conv1D)}
    assert turned & mine.keys()
    for name, found in mine.items():
        expected = right[name].T if name in turned else right[name]
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_layers_lie_as_they_multiply(gpt):
    layer = layers_of(gpt)["network.transformer.h.0.attn.c_attn.weight"]
    assert (layer.outputs, layer.columns, layer.input_axis) == (48, 16, 0)
    units = next(u for u in asked(gpt, TOKENS, "taylor").units if u.name.endswith("0.mlp.c_fc"))
    roles = {(each.layer.rpartition(".")[2], each.role) for each in taken(gpt, units, 3)}
    assert roles == {("c_fc", "output"), ("c_fc", "bias"), ("c_proj", "input")}


def test_heads_are_cut_layer_by_layer_and_sizes_follow(gpt):
    units, _ = find_units(gpt, TOKENS[:2], "head")
    assert [(each.name, each.count) for each in units] == [
        (f"network.transformer.h.{layer}.attn.c_attn", 2) for layer in (0, 1)
    ]
    first = {each.name: torch.tensor([place > 0, True]) for place, each in enumerate(units)}
    applied = apply(gpt, units, first)
    assert applied.max_relative_error(TOKENS) < 1e-5
    attention = applied.model.network.transformer.h[0].attn
    assert (attention.c_attn.nx, attention.c_attn.nf) == attention.c_attn.weight.shape == (16, 24)
    assert (attention.c_proj.nx, attention.c_proj.nf) == attention.c_proj.weight.shape == (8, 16)
    repeated = Surgery.from_json(applied.surgery.model_dump_json()).perform(gpt)
    torch.testing.assert_close(repeated(TOKENS), applied.model(TOKENS))


class Own(nn.Module):
    """A layer of one weight that multiplies in some way."""

    def __init__(self, way: str, inputs: int, outputs: int) -> None:
        super().__init__()
        self.way = way
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = {
            "product": lambda: x @ self.weight, "turned": lambda: x @ self.weight.T,
            "scaled": lambda: 2 * (x @ self.weight), "table": lambda: self.weight[x.long()],
            "relu": lambda: torch.relu(x @ self.weight),
        }[self.way]()  # fmt: skip
        return out + self.bias


def test_what_multiplies_inputs_first_is_told_by_what_it_computes():
    assert inputs_first(Own("product", 5, 7))
    assert inputs_first(Own("product", 5, 5))
    assert inputs_first(Conv1D(5, 7))
    assert inputs_first(Conv1D(5, 7).half())
    symmetric = Own("turned", 5, 5)
    nn.init.eye_(symmetric.weight)
    others = [*(Own(way, 5, 5) for way in ("turned", "scaled", "table", "relu")), symmetric,
              nn.Linear(5, 5), nn.Embedding(5, 5), nn.Bilinear(5, 5, 5), nn.PReLU(),
              nn.MultiheadAttention(4, 2), nn.LSTM(5, 5)]  # fmt: skip
    for module in others:
        assert not inputs_first(module)
