"""Networks of timm and Hugging Face at 50 % by L1 magnitude: cut and run, and what stays whole.

None of them was looked at when the tracer's rules were written. Each has a process of its own, so
that a crash or a hang is a row of the table. The seconds hold the trace, the proofs on random
inputs, the ranking and the cut. timm's are the smallest variant of each architecture; Hugging
Face's are built from tiny configurations. Weights are random. The ratio is the number of networks
that are cut to the number tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from apart import Found, tried
from common import finish, needed, quick_asked
from coupling import measured
from torch import Tensor, nn

from pruneviz.proof.perturb import perturbed

timm, transformers = needed("timm"), needed("transformers")
QUICK = ("timm: repvgg_a0", "timm: vit_tiny_patch16_224", "BERT", "Llama")
SIDES = {  # pixels: what a model of a fixed size wants; the others get 64
    "efficientformer": 224, "focalnet": 96, "levit": 224, "pit": 224, "xcit": 224, "swin": 256,
    "maxvit": 256, "coatnet": 224, "cait": 224, "eva02": 224, "beit": 224, "convit": 224,
    "mixer": 224, "resmlp": 224, "gmlp": 224, "vit": 224, "deit": 224, "twins": 224,
}  # fmt: skip
TIMM = """
    vit_tiny_patch16_224 deit_tiny_distilled_patch16_224 beit_base_patch16_224
    eva02_tiny_patch14_224 cait_xxs24_224 xcit_nano_12_p16_224 pit_ti_224 levit_128s
    convit_tiny twins_svt_small swin_tiny_patch4_window7_224 swinv2_tiny_window8_256
    maxvit_pico_rw_256 coatnet_nano_rw_224 mixer_s32_224 resmlp_12_224 gmlp_ti16_224
    convmixer_768_32 convnextv2_atto nfnet_f0 efficientnetv2_rw_t
    mobilenetv4_conv_small mobileone_s0 repvgg_a0 ghostnet_100 hrnet_w18_small dla34 dpn48b
    res2net50_14w_8s resnest14d skresnet18 tresnet_m ese_vovnet19b_slim cspresnet50 regnetz_005
    edgenext_xx_small mobilevit_xxs mobilevitv2_050 efficientformer_l1 efficientformerv2_s0
    poolformer_s12 fastvit_t8 davit_tiny focalnet_tiny_srf inception_next_atto hgnetv2_b0
    pvt_v2_b0 repvit_m0_9 ghostnetv2_100 selecsls42 tinynet_e lcnet_035 volo_d1_224 nest_tiny
    crossvit_tiny_240 tiny_vit_5m_224 visformer_tiny sequencer2d_s halonet26t lambda_resnet26t
    botnet26t_256 starnet_s1 mambaout_femto hiera_tiny_224 rexnet_100 resnetv2_50 swin_s3_tiny_224
""".split()


def _words() -> Tensor:
    return torch.randint(1, 90, (2, 10), generator=torch.Generator().manual_seed(0))


def _pixels(side: int, channels: int = 3) -> Tensor:
    shape = (2, channels, side, side)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def _text(kind: str, head: str, **sizes: Any) -> Callable[[], tuple[nn.Module, Any]]:
    """Return a maker of a tiny text model with an example."""

    def make() -> tuple[nn.Module, Any]:
        config = getattr(transformers, f"{kind}Config")(
            vocab_size=99, use_cache=False, pad_token_id=0, **sizes
        )
        example = (_words(), None, _words()) if sizes.get("is_encoder_decoder") else _words()
        return getattr(transformers, f"{kind}{head}")(config), example

    return make


def _image(kind: str, head: str, side: int, **sizes: Any) -> Callable[[], tuple[nn.Module, Any]]:
    """Return a maker of a tiny image model with an example."""

    def make() -> tuple[nn.Module, Any]:
        config = getattr(transformers, f"{kind}Config")(**sizes)
        return getattr(transformers, f"{kind}{head}")(config), _pixels(side)

    return make


def _whisper() -> tuple[nn.Module, Any]:
    config = transformers.WhisperConfig(
        vocab_size=99, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, num_mel_bins=16,
        max_source_positions=50, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1,
    )  # fmt: skip
    model = transformers.WhisperModel(config).get_encoder()
    return model, torch.rand((2, 16, 100), generator=torch.Generator().manual_seed(0))


USUAL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 48, "max_position_embeddings": 64}  # fmt: skip
GROUPED = {**USUAL, "num_key_value_heads": 2}
IMAGE = {k: v for k, v in USUAL.items() if k != "max_position_embeddings"}
DECODING = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
            "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
            "max_position_embeddings": 64, "is_encoder_decoder": True}  # fmt: skip
HUGGING_FACE: dict[str, Callable[[], tuple[nn.Module, Any]]] = {
    "BERT": _text("Bert", "ForSequenceClassification", **USUAL),
    "RoBERTa": _text("Roberta", "ForMaskedLM", **USUAL),
    "DistilBERT": _text("DistilBert", "ForSequenceClassification", dim=32, n_layers=2, n_heads=4,
                        hidden_dim=48, max_position_embeddings=64),
    "ALBERT": _text("Albert", "ForMaskedLM", embedding_size=16, **USUAL),
    "ELECTRA": _text("Electra", "ForSequenceClassification", embedding_size=16, **USUAL),
    "DeBERTa-v2": _text("DebertaV2", "ForSequenceClassification", **USUAL),
    "GPT-2": _text("GPT2", "LMHeadModel", n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "GPT-NeoX": _text("GPTNeoX", "ForCausalLM", **USUAL),
    "GPT-J": _text("GPTJ", "ForCausalLM", n_embd=32, n_layer=2, n_head=4, n_positions=64,
                   rotary_dim=4),
    "BLOOM": _text("Bloom", "ForCausalLM", hidden_size=32, n_layer=2, n_head=4),
    "Falcon": _text("Falcon", "ForCausalLM", hidden_size=32, num_hidden_layers=2,
                    num_attention_heads=4),
    "OPT": _text("OPT", "ForCausalLM", ffn_dim=48, word_embed_proj_dim=32,
                 **{k: v for k, v in USUAL.items() if k != "intermediate_size"}),
    "T5": _text("T5", "ForConditionalGeneration", d_model=32, d_kv=8, d_ff=48, num_layers=2,
                num_heads=4, is_encoder_decoder=True, decoder_start_token_id=0),
    "BART": _text("Bart", "ForConditionalGeneration", **DECODING),
    "Llama": _text("Llama", "ForCausalLM", **GROUPED),
    "Mistral": _text("Mistral", "ForCausalLM", **GROUPED),
    "Mixtral": _text("Mixtral", "ForCausalLM", num_local_experts=4, **GROUPED),
    "Qwen2": _text("Qwen2", "ForCausalLM", **GROUPED),
    "Qwen3": _text("Qwen3", "ForCausalLM", head_dim=8, **GROUPED),
    "Gemma 2": _text("Gemma2", "ForCausalLM", head_dim=8, **GROUPED),
    "Phi": _text("Phi", "ForCausalLM", **GROUPED),
    "Phi-3": _text("Phi3", "ForCausalLM", **GROUPED),
    "Mamba": _text("Mamba", "ForCausalLM", hidden_size=32, num_hidden_layers=2, state_size=4),
    "ViT": _image("ViT", "ForImageClassification", 32, image_size=32, patch_size=8, **IMAGE),
    "DINOv2": _image("Dinov2", "ForImageClassification", 32, image_size=32, patch_size=8,
                     **{k: v for k, v in IMAGE.items() if k != "intermediate_size"}),
    "Swin": _image("Swin", "ForImageClassification", 32, image_size=32, patch_size=2, embed_dim=16,
                   depths=[1, 1], num_heads=[2, 4], window_size=4),
    "CLIP vision": _image("CLIPVision", "Model", 32, image_size=32, patch_size=8, **IMAGE),
    "SegFormer": _image("Segformer", "ForImageClassification", 64,
                        hidden_sizes=[16, 32], depths=[1, 1], num_attention_heads=[2, 4],
                        sr_ratios=[4, 2], patch_sizes=[7, 3], strides=[4, 2], num_encoder_blocks=2,
                        mlp_ratios=[2, 2], decoder_hidden_size=32),
    "Whisper encoder": _whisper,
}  # fmt: skip


def build(name: str) -> tuple[nn.Module, Any]:
    """Return a network with seeded random weights and an example that it accepts."""
    torch.manual_seed(0)
    kind = name.removeprefix("timm: ")
    if kind in HUGGING_FACE:
        return HUGGING_FACE[kind]()
    model = timm.create_model(kind, pretrained=False, num_classes=10)
    wanted = model.pretrained_cfg.get("input_size", (3, 64, 64))[-1]
    fixed = bool(model.pretrained_cfg.get("fixed_input_size")) or kind.startswith(tuple(SIDES))
    return model, _pixels(wanted if fixed else 64)


def ours(name: str) -> Found:
    """Cut a network in half."""
    model, example = build(name)
    return measured(perturbed(model.eval(), example), example)


def main() -> None:
    """Try every network, one after the other, and write the section."""
    every = [*(f"timm: {name}" for name in TIMM), *HUGGING_FACE]
    names = QUICK if quick_asked(__doc__) else every
    rows, cut = [], 0
    for name in names:
        found = tried(ours, name)
        rows.append(row(name, found))
        print(*rows[-1], sep=" | ", flush=True)
        cut += "fault" not in found and found["after"] < found["before"]
    libraries = ", ".join(f"{p} {version(p)}" for p in ("timm", "transformers"))
    finish(
        "libraries",
        ["network", "groups", "units", "parameters", "left", "error", "seconds", "what stays"],
        rows,
        f"{len(rows)} networks of {libraries}, random weights, one thread; {cut} are cut. What "
        "stays is how many layers are held, by the reason that `pruneviz check` gives.",
        cut / len(rows),
    )


def row(name: str, found: Found) -> list[str]:
    """Return a line of the table."""
    if "fault" in found:
        return [name, "", "", "", "", "", "", found["fault"]]
    reasons = Counter(reason for _, reason in found["held"])
    return [
        name, str(found["groups"]), str(found["units"]), f"{found['before'] / 1e6:.2f} M",
        f"{found['after'] / found['before']:.1%}", f"{found['error']:.0e}",
        f"{found['proved_seconds']:.1f}",
        "; ".join(f"{n} × {reason}" for reason, n in reasons.most_common(4)).replace("|", "/"),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
