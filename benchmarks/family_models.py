"""Small networks of the families that users prune, weights drawn, with inputs as they are given.

Each has the code of its family and random weights. Families that read texts are given two of them,
and how much of each counts: whole, filled up on the left, and filled up on the right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torchvision
import transformers
from torch import Tensor, nn

from pruneviz.network.inputs import Inputs

TOKENS, LENGTH, FILLED = 97, 10, 3  # words in the vocabulary, in a text, and of these filling
IDS = {"vocab_size": TOKENS, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
SIZES = {**IDS, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4,
         "num_attention_heads": 4, "max_position_embeddings": 64}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 2}
WIDE = {**GROUPED, "head_dim": 8}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
CODER = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
         "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}  # fmt: skip
SEEN = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "image_size": 32, "patch_size": 8}  # fmt: skip

LANGUAGE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Llama 2": ("LlamaForCausalLM", SIZES),
    "Llama 3": ("LlamaForCausalLM", WIDE),
    "Llama, tied": ("LlamaForCausalLM", {**WIDE, "tie_word_embeddings": True}),
    "Qwen 2": ("Qwen2ForCausalLM", GROUPED),
    "Qwen 3": ("Qwen3ForCausalLM", WIDE),
    "Mistral": ("MistralForCausalLM", {**WIDE, "sliding_window": 6}),
    "Gemma": ("GemmaForCausalLM", WIDE),
    "Gemma 2": ("Gemma2ForCausalLM", {**WIDE, "sliding_window": 6}),
    "Gemma 3": ("Gemma3ForCausalLM", {**WIDE, "sliding_window": 6}),
    "Phi-3": ("Phi3ForCausalLM", GROUPED),
    "GPT-2": ("GPT2LMHeadModel", {**IDS, "n_embd": 32, "n_layer": 4, "n_head": 4,
                                  "n_positions": 64}),
    "GPT-NeoX": ("GPTNeoXForCausalLM", SIZES),
    "BLOOM": ("BloomForCausalLM", {**IDS, "hidden_size": 32, "n_layer": 4, "n_head": 4}),
    "OPT": ("OPTForCausalLM", {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "Mixtral": ("MixtralForCausalLM", {**WIDE, "num_local_experts": 4}),
    "Qwen 2 MoE": ("Qwen2MoeForCausalLM", {**GROUPED, **EXPERTS,
                                           "shared_expert_intermediate_size": 32}),
    "Qwen 3 MoE": ("Qwen3MoeForCausalLM", {**WIDE, **EXPERTS}),
    "Mamba": ("MambaForCausalLM", {**IDS, "hidden_size": 32, "state_size": 8,
                                   "num_hidden_layers": 4}),
}  # fmt: skip
MIXTURES = ("Mixtral", "Qwen 2 MoE", "Qwen 3 MoE")  # of experts
READING: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "BERT": ("BertForMaskedLM", SIZES),
    "RoBERTa": ("RobertaForMaskedLM", SIZES),
    "DistilBERT": ("DistilBertForMaskedLM", {**IDS, "dim": 32, "hidden_dim": 48, "n_layers": 4,
                                             "n_heads": 4, "max_position_embeddings": 64}),
    "ALBERT": ("AlbertForMaskedLM", {**SIZES, "embedding_size": 16}),
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """A network and what it is given: by the name of a batch, the first one is traced.

    `begun` is what a text goes on from, () where none does, and `caches` are the kinds of cache
    that the family has.
    """

    model: nn.Module
    batches: Mapping[str, Inputs]
    begun: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()


def drawn(model: nn.Module) -> nn.Module:
    """Return a network in eval mode whose weights, biases and norms are drawn."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.eval().requires_grad_(False).parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.15, generator=random)
            else:
                parameter.add_(torch.randn(parameter.shape, generator=random), alpha=0.1)
    return model


def built(kind: str, sizes: Mapping[str, Any]) -> nn.Module:
    """Return a network of transformers by the name of its class."""
    of = getattr(transformers, kind)
    config = transformers.Gemma3TextConfig if kind.startswith("Gemma3") else of.config_class
    torch.manual_seed(0)
    return drawn(of(config(**sizes)))


def texts() -> dict[str, dict[str, Tensor]]:
    """Return two texts as they are filled up: not, the first on its left, the first on its right.

    What comes first is traced.
    """
    random = torch.Generator().manual_seed(1)
    ids = torch.randint(3, TOKENS, (2, LENGTH), generator=random)
    found = {}
    for side, place in (("", slice(0)), ("left", slice(FILLED)), ("right", slice(-FILLED, None))):
        mask = torch.ones_like(ids)
        mask[0, place] = 0
        found[side] = {"input_ids": ids * mask, "attention_mask": mask}
    return found


def images(side: int) -> Tensor:
    """Return two random images, (2, 3, side, side)."""
    return torch.rand((2, 3, side, side), generator=torch.Generator().manual_seed(2))


def language(kind: str, sizes: Mapping[str, Any]) -> Family:
    """Return a family that goes on with a text."""
    model = built(kind, sizes)
    batches = {side: Inputs(kwargs={**text, "use_cache": False}) for side, text in texts().items()}
    caches = ("dynamic",) if kind.startswith("Mamba") else ("dynamic", "static")
    return Family(model, batches, ("", "left"), caches)


def reading(kind: str, sizes: Mapping[str, Any]) -> Family:
    """Return a family that reads a text as a whole."""
    return Family(built(kind, sizes), {s: Inputs(kwargs=text) for s, text in texts().items()})


def t5() -> Family:
    """Return T5, whose encoder reads one text and whose decoder goes on with another."""
    model = built("T5ForConditionalGeneration", {
        **IDS, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4,
        "decoder_start_token_id": 0})  # fmt: skip
    return _two_sided(model, texts(), ("", "left", "right"))


def whisper() -> Family:
    """Return Whisper, whose encoder listens."""
    model = built("WhisperForConditionalGeneration", {
        **IDS, **CODER, "d_model": 32, "num_mel_bins": 8, "max_source_positions": 20,
        "max_target_positions": 32, "decoder_start_token_id": 1})  # fmt: skip
    heard = torch.randn((2, 8, 40), generator=torch.Generator().manual_seed(3))
    return _two_sided(model, {"": {"input_features": heard}}, ("",))


def _two_sided(model: Any, read: Mapping[str, Any], begun: tuple[str, ...]) -> Family:
    written = torch.randint(3, TOKENS, (2, 4), generator=torch.Generator().manual_seed(4))
    written[:, 0] = int(model.config.decoder_start_token_id)
    beside = {"decoder_input_ids": written, "use_cache": False}
    batches = {side: Inputs(kwargs={**of, **beside}) for side, of in read.items()}
    return Family(model, batches, begun, ("dynamic", "static"))


def clip() -> Family:
    """Return CLIP, which compares texts with images."""
    sides = {"text_config": {**SIZES, "num_hidden_layers": 2}, "vision_config": SEEN}
    model = built("CLIPModel", {**sides, "projection_dim": 16})
    shown = {"pixel_values": images(32)}
    return Family(model, {side: Inputs(kwargs={**t, **shown}) for side, t in texts().items()})


def vit() -> Family:
    """Return ViT, which sorts images."""
    model = built("ViTForImageClassification", {**SEEN, "num_labels": 5})
    return Family(model, {"": Inputs(kwargs={"pixel_values": images(32)})})


def detr() -> Family:
    """Return DETR on a small ResNet of transformers, so that it asks for no other package."""
    backbone = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1],
        layer_type="basic", out_features=["stage4"])  # fmt: skip
    model = built("DetrForObjectDetection", {
        **CODER, "d_model": 32, "num_queries": 6, "num_labels": 4, "backbone_config": backbone,
        "use_timm_backbone": False, "use_pretrained_backbone": False,
        "backbone": None})  # fmt: skip
    whole = torch.ones(2, 64, 64, dtype=torch.long)
    part = whole.clone()
    part[0, :, 48:] = 0
    shown = images(64)
    return Family(model, {
        side: Inputs(kwargs={"pixel_values": shown, "pixel_mask": mask})
        for side, mask in (("", whole), ("right", part))
    })  # fmt: skip


def detector(name: str) -> Family:
    """Return a detector of torchvision, which takes a list of images or a batch."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=5)
    return Family(model.eval(), {"": Inputs((images(128),))})


FAMILIES: Mapping[str, Callable[[], Family]] = {
    **{name: lambda of=of: language(*of) for name, of in LANGUAGE.items()},
    **{name: lambda of=of: reading(*of) for name, of in READING.items()},
    "T5": t5,
    "Whisper": whisper,
    "CLIP": clip,
    "ViT": vit,
    "DETR": detr,
    **{
        f"torchvision: {name}": lambda name=name: detector(name)
        for name in ("ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn")
    },
}
