"""Small language models of families of transformers, weights drawn, and a tokenizer of bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn


def made_of(family: str, sizes: Mapping[str, object]) -> nn.Module:
    """Return a language model of a family in eval mode, with drawn weights, biases and norms."""
    head = "LMHeadModel" if family == "GPT2" else "ForCausalLM"
    kind = getattr(transformers, f"{family}{head}")
    of = transformers.Gemma3TextConfig if family == "Gemma3" else kind.config_class
    config = of(**sizes)
    config.use_cache = False
    torch.manual_seed(0)
    fused = "sdpa" if kind._supports_sdpa else "eager"
    model = kind._from_config(config, attn_implementation=fused)
    for parameter in model.eval().requires_grad_(False).parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.15)
    return model


def add_tokenizer(folder: Path) -> None:
    """Write a tokenizer whose 256 tokens are a text's bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    cuts = Tokenizer(models.BPE({letter: at for at, letter in enumerate(alphabet)}, []))
    cuts.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cuts.decoder = decoders.ByteLevel()
    cuts.save(str(folder / "tokenizer.json"))
