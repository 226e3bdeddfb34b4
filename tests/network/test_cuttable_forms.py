"""Attention in explicit form answers as before, and what is cut out of it is what was asked."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import maxvit, swin_transformer
from torchvision.models.video import swin_transformer as video

from pruneviz.apply import apply
from pruneviz.coupling import trace
from pruneviz.network.cuttable_forms import Explicit, make_explicit
from pruneviz.proof import check, find_units
from pruneviz.pruned.surgery import Surgery, cut

EXACT = {"atol": 1e-10, "rtol": 1e-10}
OPTIONS = {
    "plain": {},
    "no bias": {"bias": False},
    "keys and values beside": {"add_bias_kv": True},
    "zeros beside": {"add_zero_attn": True},
    "other widths": {"kdim": 6, "vdim": 10},
    "sequence first": {"batch_first": False},
}


def explicit(module: nn.Module) -> nn.Module:
    copied = copy.deepcopy(module)
    make_explicit(copied, module)
    assert isinstance(copied, Explicit)
    return copied


def noisy(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        parameter.data = torch.randn_like(parameter, dtype=torch.float64)
    return module.double().eval()


def attention(name: str) -> tuple[nn.MultiheadAttention, list[Tensor]]:
    """Return an attention of 3 heads and its query (2, 4, 12), key and value (2, 5, …)."""
    options = {"batch_first": True, **OPTIONS[name]}
    module = noisy(nn.MultiheadAttention(12, 3, **options))
    widths = 12, options.get("kdim", 12), options.get("vdim", 12)
    torch.manual_seed(1)
    inputs = [
        torch.randn(2, n, w, dtype=torch.float64) for n, w in zip((4, 5, 5), widths, strict=True)
    ]
    return module, inputs if options["batch_first"] else [x.transpose(0, 1) for x in inputs]


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("wanted", [{"need_weights": False}, {}, {"average_attn_weights": False}])
def test_multi_head_attention_answers_as_before(name, wanted):
    module, inputs = attention(name)
    before, after = module(*inputs, **wanted), explicit(module)(*inputs, **wanted)
    torch.testing.assert_close(after[0], before[0], **EXACT)
    if wanted == {"need_weights": False}:
        assert after[1] is None
    else:
        torch.testing.assert_close(after[1], before[1], **EXACT)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("kind", ["truth values", "numbers", "by head", "padding", "both"])
def test_masks_mean_the_same(name, kind):
    module, inputs = attention(name)
    torch.manual_seed(2)
    places = torch.rand(4, 5) < 0.3
    padding = torch.zeros(2, 5, dtype=torch.bool)
    padding[1, 3:] = True
    masks = {
        "truth values": {"attn_mask": places},
        "numbers": {"attn_mask": torch.randn(4, 5, dtype=torch.float64)},
        "by head": {"attn_mask": torch.rand(6, 4, 5) < 0.3},
        "padding": {"key_padding_mask": padding},
        "both": {"attn_mask": places, "key_padding_mask": padding},
    }[kind]
    before = module(*inputs, need_weights=False, **masks)[0]
    torch.testing.assert_close(
        explicit(module)(*inputs, need_weights=False, **masks)[0], before, equal_nan=True, **EXACT
    )


def test_one_sequence_without_a_batch():
    module, inputs = attention("plain")
    alone = [x[0] for x in inputs]
    for before, after in zip(module(*alone), explicit(module)(*alone), strict=True):
        torch.testing.assert_close(after, before, **EXACT)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_says_the_widths_that_it_takes_and_gives(name):
    module, _ = attention(name)
    for width in ("embed_dim", "kdim", "vdim", "head_dim", "num_heads"):
        assert getattr(explicit(module), width) == getattr(module, width)


SWIN, SWIN_V2 = swin_transformer.ShiftedWindowAttention, swin_transformer.ShiftedWindowAttentionV2
SWIN_3D = video.ShiftedWindowAttention3d
WINDOWS = {
    "swin": (SWIN(12, [4, 4], [2, 2], 3), (2, 9, 11, 12)),
    "swin, no shift": (SWIN(12, [4, 4], [0, 0], 3), (2, 8, 8, 12)),
    "swin, one window": (SWIN(12, [4, 4], [2, 2], 3), (2, 3, 9, 12)),
    "swin v2": (SWIN_V2(12, [4, 4], [2, 2], 3), (2, 9, 11, 12)),
    "swin v2, no bias": (SWIN_V2(12, [4, 4], [2, 2], 3, qkv_bias=False), (2, 5, 8, 12)),
    "swin 3d": (SWIN_3D(12, [2, 4, 4], [1, 2, 2], 3), (2, 5, 7, 9, 12)),
    "swin 3d, short": (SWIN_3D(12, [4, 4, 4], [2, 2, 2], 3), (2, 3, 8, 5, 12)),
    "maxvit": (maxvit.RelativePositionalMultiHeadAttention(12, 4, 9), (2, 5, 9, 12)),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_torchvision_attention_answers_as_before(name):
    module, shape = noisy(WINDOWS[name][0]), WINDOWS[name][1]
    x = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(explicit(module)(x), module(x), **EXACT)


class Reader(nn.Module):
    """A small transformer over a sequence, all of torch's own parts."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Linear(6, 12)
        layer = nn.TransformerEncoderLayer(12, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        return self.head(self.encoder(self.before(x), src_key_padding_mask=padding).mean(1))


def reader() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    model = Reader().eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model, torch.randn(2, 5, 6)


def test_packed_attention_is_cut_by_the_width_between_and_inside_its_heads():
    model, example = reader()
    units, skipped = find_units(model, example, "channel")
    assert {item.name for item in skipped} == {"head"}
    widths = {layer.name: layer.count for layer in units}
    stream = next(layer for layer in units if "before" in layer.layers)
    assert (stream.count, widths["encoder.layers.0.self_attn"]) == (12, 6)
    assert widths["encoder.layers.0.self_attn~2"] == 6, "the values, on their own"
    result = check(model, example, 0.5)
    assert result["max_relative_error"] <= 1e-5
    assert result["parameters"]["pruned"] < 0.35 * result["parameters"]["original"]


def test_packed_attention_cut_by_hand():
    module, inputs = attention("plain")
    query, key, value = inputs[0], inputs[1], inputs[2]
    heads, width, scale = 3, 4, 4**-0.5
    keep_qk, keep_v = [0, 3], [1, 2, 3]  # inside each head

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = module

        def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return self.attention(q, k, v, need_weights=False)[0]

    coupling = trace(Net(), (query, key, value))
    assert {g.count for g in coupling.groups} == {4}
    qk_rows = [h * width + i for h in range(heads) for i in keep_qk]
    v_rows = [h * width + i for h in range(heads) for i in keep_v]
    packed = [*qk_rows, *(12 + r for r in qk_rows), *(24 + r for r in v_rows)]
    surgery = Surgery.from_json(
        '{"cuts": ['
        f'{{"parameter": "attention.in_proj_weight", "axis": 0, "kept": {packed}}},'
        f'{{"parameter": "attention.in_proj_bias", "axis": 0, "kept": {packed}}},'
        f'{{"parameter": "attention.out_proj.weight", "axis": 1, "kept": {v_rows}}}]}}'
    )
    small = surgery.perform(Net())
    w, b = module.in_proj_weight, module.in_proj_bias

    def by_head(x: Tensor, rows: list[int]) -> Tensor:
        return (x @ w[rows].T + b[rows]).unflatten(-1, (heads, -1)).transpose(1, 2)

    q = by_head(query, qk_rows)
    k, v = by_head(key, [12 + r for r in qk_rows]), by_head(value, [24 + r for r in v_rows])
    mixed = ((q @ k.mT * scale).softmax(-1) @ v).transpose(1, 2).flatten(2)
    by_hand = mixed @ module.out_proj.weight[:, v_rows].T + module.out_proj.bias
    torch.testing.assert_close(small(query, key, value), by_hand, **EXACT)


def test_a_cut_encoder_takes_no_shortcut_of_torch():
    model, example = reader()
    padding = torch.tensor([[False] * 5, [False, False, False, True, True]])
    units, _ = find_units(model, example, "channel")
    keep = {layer.name: torch.arange(layer.count) % 2 == 0 for layer in units}
    small = apply(model, units, keep).model
    with torch.no_grad():
        shortcut = small(example), small(example, padding)
    torch.testing.assert_close(shortcut[0], small(example))  # with gradients torch takes none
    torch.testing.assert_close(shortcut[1], small(example, padding))


def test_what_is_cut_is_cut_again_copied_trained_and_exported():
    model, example = reader()
    small = model
    for _ in range(2):
        units, _ = find_units(small, example, "channel")
        keep = {layer.name: torch.arange(layer.count) % 4 != 0 for layer in units}
        applied = apply(small, units, keep)
        assert applied.max_relative_error(example) <= 1e-5
        small = applied.model
    again = copy.deepcopy(small)
    torch.testing.assert_close(again(example), small(example))
    again(example).sum().backward()
    assert all(p.grad is not None for p in again.parameters())
    exported = torch.export.export(small, (example,)).module()
    torch.testing.assert_close(exported(example), small(example))


def test_only_what_is_cut_takes_its_explicit_form():
    model, example = reader()
    units, _ = find_units(model, example, "channel")
    inner = next(layer for layer in units if layer.name == "encoder.layers.1.linear1")
    keep = {layer.name: torch.ones(layer.count, dtype=torch.bool) for layer in units}
    keep[inner.name] = torch.arange(16) > 3
    kinds = {type(m) for m in apply(model, units, keep).model.modules()}
    assert nn.MultiheadAttention in kinds
    assert not any(issubclass(kind, Explicit) for kind in kinds)
    untouched = cut(model, ())
    assert not any(isinstance(m, Explicit) for m in [*untouched.modules(), *model.modules()])
