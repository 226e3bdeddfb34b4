"""The tensors of a Hugging Face folder, read by name and mapped into memory: only what is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pruneviz.subjects.models.hugging_face.folder import Folder, read_json
from pruneviz.subjects.models.weights import MAX_HEADER_BYTES, check_header, refuse_nan, some
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working
from pruneviz.wording.refusals.subjects import hub_folders, weight_files

INDEX = "model.safetensors.index.json"
WHOLE = "model.safetensors"


class StoredTensors:
    """The tensors of a folder's safetensors, by the network's names for them.

    `prefix` is what a network of a head puts before the names of the body, where files leave it
    out. RefusedError where a file is missing, cut off or no safetensors.
    """

    def __init__(self, folder: Folder, wanted: Mapping[str, torch.Size], prefix: str) -> None:
        if folder.gguf:
            raise RefusedError(working.no_blocks_of_gguf(folder.gguf))
        self._files = _files(folder.path)
        self._names = _names(self._files, wanted, prefix)
        self._match_last(wanted)

    def _match_last(self, wanted: Mapping[str, torch.Size]) -> None:
        """Take the one tensor that no name fits for the one that is missing, if of its shape.

        Some families' output layer has another name in files than in the network.
        """
        missing = [name for name in wanted if name not in self._names]
        left = sorted(self._files.keys() - set(self._names.values()))
        if len(missing) == len(left) == 1:
            with safe_open(self._files[left[0]], framework="pt") as file:
                shape = torch.Size(file.get_slice(left[0]).get_shape())
            if shape == wanted[missing[0]]:
                self._names[missing[0]] = left[0]

    def __contains__(self, name: str) -> bool:
        """Return whether the files hold a tensor of the network."""
        return name in self._names

    def name_in_file(self, name: str) -> str:
        """Return what the files call a tensor of the network."""
        return self._names[name]

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        """Return some tensors as they are stored; RefusedError where one is not finite."""
        by_file: dict[Path, list[str]] = {}
        for name in names:
            by_file.setdefault(self._files[self._names[name]], []).append(name)
        found: dict[str, Tensor] = {}
        for path, there in by_file.items():
            try:
                with safe_open(path, framework="pt") as file:
                    part = {name: file.get_tensor(self._names[name]) for name in there}
            except SafetensorError as error:
                raise RefusedError(weight_files.not_valid(path.name, str(error))) from error
            refuse_nan(path.name, part)
            found.update(part)
        return found


def _files(path: Path) -> dict[str, Path]:
    """Return the file of each stored tensor; each file's header is checked, nothing else read."""
    if (path / INDEX).is_file():
        shards = read_json(path / INDEX).get("weight_map", {})
        named = sorted({str(shard) for shard in shards.values()})
    else:
        named = [WHOLE]
    outside = [shard for shard in named if Path(shard).name != shard]
    if outside or not named:
        raise RefusedError(hub_folders.no_json(INDEX, "it names no files beside it"))
    missing = [shard for shard in named if not (path / shard).is_file()]
    if missing:
        raise RefusedError(working.missing_files(str(path), some(missing)))
    return {name: path / shard for shard in named for name in _header(path / shard)}


def _header(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        length = min(int.from_bytes(file.read(8), "little"), MAX_HEADER_BYTES)
        file.seek(0)
        check_header(path.name, file.read(length + 8), path.stat().st_size)
    try:
        with safe_open(path, framework="pt") as opened:
            yield from opened.keys()
    except SafetensorError as error:
        raise RefusedError(weight_files.not_valid(path.name, str(error))) from error


def _names(files: Mapping[str, Path], wanted: Iterable[str], prefix: str) -> dict[str, str]:
    """Return what the files call each tensor, of those that they have."""
    found = {}
    for name in wanted:
        for called in (name, name.removeprefix(f"{prefix}.")):
            if called in files:
                found[name] = called
                break
    return found
