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
CARRIED = ("*.json", "*.jinja", "*.txt", "*.model")  # the configuration and the tokenizer


def block_file(number: int) -> str:
    """Return the name of a block's file."""
    return f"model-block-{number:05}.safetensors"


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], stored: StoredTensors, names: list[str]
) -> dict[str, Tensor]:
    """Write tensors in the precision and by the names of the original's files, whole or not at all.

    `names` are all that belong into the file; those that are not among `tensors` are carried over.
    Returned is what was written, by the network's names.
    """
    kept = stored.read(names)
    written = {n: tensors.get(n, kept[n]).to(kept[n].dtype).contiguous() for n in names}
    beside = path.with_suffix(".part")
    by_file_name = {stored.name_in_file(name): tensor for name, tensor in written.items()}
    save_file(by_file_name, beside, metadata={"format": "pt"})
    beside.replace(path)
    return written


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
