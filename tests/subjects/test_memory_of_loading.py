"""A network of a folder is in memory once, in single precision, however it is tried and watched."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from pruneviz.plan import Plan
from pruneviz.subjects import load_subject

PROC = Path("/proc/self")
MB = 10**6


def memory(field: str) -> int:
    """Return how much memory this process has (`VmRSS`), or the most that it had (`VmHWM`)."""
    lines = (PROC / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("large")
    config = LlamaConfig(
        hidden_size=512, intermediate_size=1408, num_hidden_layers=4, num_attention_heads=8,
        num_key_value_heads=2, vocab_size=16_000, architectures=["LlamaForCausalLM"],
    )  # fmt: skip
    config.save_pretrained(path)
    with torch.device("meta"):
        shapes = {n: t.shape for n, t in LlamaForCausalLM(config).state_dict().items()}
    tensors = {
        name: torch.linspace(-0.02, 0.03, shape.numel()).bfloat16().view(shape)
        for name, shape in shapes.items()
    }
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    return path


@pytest.mark.skipif(not (PROC / "clear_refs").is_file(), reason="the peak cannot be set back here")
def test_half_precision_takes_twice_its_size_and_a_little(folder):
    stored = (folder / "model.safetensors").stat().st_size
    assert stored > 50 * MB
    before = memory("VmRSS")
    (PROC / "clear_refs").write_text("5")
    subject = load_subject(Plan(model=f"hf:{folder}"))
    single = sum(p.nbytes for p in subject.model.parameters())
    assert single == pytest.approx(2 * stored, rel=0.01)
    assert memory("VmHWM") - before < single + 80 * MB
