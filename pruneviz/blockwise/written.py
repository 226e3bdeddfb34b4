"""The pruned network's folder: one file a block, opened by transformers as the original was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from pruneviz.blockwise.stored import INDEX, WHOLE, StoredTensors

OUTSIDE = "model-outside.safetensors"
CARRIED = ("*.json", "*.txt", "*.model")  # the configuration and the tokenizer


def block_file(number: int) -> str:
    """Return the name of a block's file."""
    return f"model-block-{number:05}.safetensors"


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], stored: StoredTensors, names: list[str]
) -> None:
    """Write tensors in the precision and by the names of the original's files, whole or not at all.

    `names` are all that belong into the file; those that are not among `tensors` are carried over.
    """
    kept = stored.read(names)
    written = {}
    for name in names:
        new = tensors.get(name, kept[name]).to(kept[name].dtype)
        written[stored.name_in_file(name)] = new.contiguous()
    beside = path.with_suffix(".part")
    save_file(written, beside, metadata={"format": "pt"})
    beside.replace(path)


def write_index(source: Path, target: Path, files: Mapping[str, str], total: int) -> None:
    """Write which file holds each tensor, and carry over the configuration and the tokenizer.

    `files` maps a tensor to its file, `total` is how many bytes they are.
    """
    for pattern in CARRIED:
        for file in sorted(source.glob(pattern)):
            if file.name != INDEX and file.is_file():
                shutil.copyfile(file, target / file.name)
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(files.items()))}
    beside = target / f"{INDEX}.part"
    beside.write_text(json.dumps(index, indent=1), encoding="utf-8")
    beside.replace(target / INDEX)
    (target / WHOLE).unlink(missing_ok=True)  # a file of that name would be read in place of these
