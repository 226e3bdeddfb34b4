"""A made-up large language model on disk: pruned block by block, beside what a plain load takes."""

from __future__ import annotations

import json
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from pruneviz.blockwise import BlockByBlock, Choices
from pruneviz.plan import Plan
from pruneviz.stepwise import complete

LARGE = {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22,
         "num_attention_heads": 32, "num_key_value_heads": 4, "max_position_embeddings": 2048,
         "vocab_size": 32_000}  # fmt: skip
QUICK = {**LARGE, "hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 8}
MB = 10**6


def written(folder: Path, sizes: dict[str, int]) -> int:
    """Write a Llama of random weights in bfloat16, a file a block; return its bytes."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    folder.mkdir()
    config = transformers.LlamaConfig(**sizes, architectures=["LlamaForCausalLM"])
    config.save_pretrained(folder)
    with torch.device("meta"):
        shapes = {n: t.shape for n, t in transformers.LlamaForCausalLM(config).state_dict().items()}
    by_file: dict[str, list[str]] = {}
    for name in shapes:
        number = name.split(".")[2] if ".layers." in name else "outside"
        by_file.setdefault(f"model-{number}.safetensors", []).append(name)
    torch.manual_seed(0)
    for file, names in by_file.items():
        tensors = {name: 0.02 * torch.randn(shapes[name], dtype=torch.bfloat16) for name in names}
        save_file(tensors, folder / file, metadata={"format": "pt"})
    index = {"weight_map": {name: file for file, names in by_file.items() for name in names}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    cuts = Tokenizer(models.BPE({letter: at for at, letter in enumerate(alphabet)}, []))
    cuts.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cuts.decoder = decoders.ByteLevel()
    cuts.save(str(folder / "tokenizer.json"))
    return sum(2 * shape.numel() for shape in shapes.values())


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def plainly(folder: Path) -> tuple[float, int]:
    """Return the seconds and the memory of loading a network whole, as this project does."""
    from pruneviz.subjects import load_subject

    idle, start = _peak(), time.perf_counter()
    load_subject(Plan(model=f"hf:{folder}"))
    return time.perf_counter() - start, _peak() - idle


def by_block(folder: Path, text: Path, out: Path, criterion: str) -> tuple[float, int]:
    """Return the seconds and the memory of pruning it block by block."""
    idle, start = _peak(), time.perf_counter()
    plan = Plan(model=f"hf:{folder}", data=f"text:{text}?length=128", criterion=criterion,
                granularity="weight", sparsity=0.5)  # fmt: skip
    complete(BlockByBlock(plan, Choices(windows=16, judged=0), out))
    return time.perf_counter() - start, _peak() - idle


def rows(folder: Path, text: Path, quick: bool) -> tuple[list[list[str]], float]:
    """Return lines of the table of `language.py`, and a plain load's memory to the last line's."""
    sizes = QUICK if quick else LARGE
    size = written(folder / "large", sizes)
    found: list[list[str]] = []
    peaks: list[int] = []

    def line(title: str, taken: Any) -> None:
        seconds, peak = taken
        peaks.append(peak)
        found.append([title, "", "", "", "", f"{seconds:.0f}", f"{peak / MB:.0f} MB"])
        print(*found[-1], sep=" | ", flush=True)

    with ProcessPoolExecutor(
        1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        named = f"a made-up network of {size / 2e6:.0f} M parameters ({size / MB:.0f} MB)"
        line(f"{named}, loaded whole", pool.submit(plainly, folder / "large").result())
        for criterion in ("magnitude_l1", "wanda"):
            taken = pool.submit(by_block, folder / "large", text, folder / criterion, criterion)
            line(f"the same, half of its weights block by block, {criterion}", taken.result())
    return found, peaks[0] / peaks[-1]
