"""Where a network of Hugging Face lies, and what its files are, read as plain values and tensors.

Nothing here runs code of the folder: configurations are JSON, weights safetensors or GGUF.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.subjects.models.published import NO_ANSWER, first_line, hub_file, library, reachable
from pruneviz.subjects.models.weights import PICKLES, read_weights, refuse_nan
from pruneviz.subjects.references import ON_THE_HUB
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import hub_folders, weight_files

MOST_CHARACTERS = 20_000_000  # of a JSON file: an index names each tensor of a large network
FETCHED = ("*.json", "*.safetensors", "*.txt", "*.model")  # never a pickle, never code
GGUF = b"GGUF"


@dataclass(frozen=True)
class Folder:
    """A folder that transformers can read, and its GGUF file where it has no config.json."""

    path: Path
    gguf: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Return how transformers is asked: of these files alone, and without any code of them."""
        only = {"local_files_only": True, "trust_remote_code": False}
        return {**only, "gguf_file": self.gguf} if self.gguf else only


def find_folder(name: str, pretrained: bool) -> Folder:
    """Return the folder of a path, or of the hub's OWNER/NAME; RefusedError where there is none.

    Without `pretrained` the hub's cache alone is looked at.
    """
    path = Path(name).expanduser()
    if not path.is_dir():
        if not ON_THE_HUB.fullmatch(name):
            raise RefusedError(hub_folders.no_folder(name))
        path = _fetched(name, pretrained)
    if (path / "config.json").is_file():
        return Folder(path)
    files = sorted(file.name for file in path.glob("*.gguf"))
    if len(files) != 1:
        raise RefusedError(hub_folders.no_network(str(path), tuple(files)))
    library("gguf", "language")
    with (path / files[0]).open("rb") as file:
        if file.read(len(GGUF)) != GGUF:
            raise RefusedError(hub_folders.no_gguf(files[0]))
    return Folder(path, files[0])


def _fetched(name: str, pretrained: bool) -> Path:
    """Return the hub's files of OWNER/NAME, from its cache or from the network."""
    hub = library("huggingface_hub", "language")
    there = pretrained and reachable(hub_file(name, "config.json"))
    try:
        found = hub.snapshot_download(name, allow_patterns=FETCHED, local_files_only=not there)
    # What a library and a server can raise between them is without end.
    except Exception as error:
        fault = first_line(error) if there else NO_ANSWER
        raise RefusedError(hub_folders.not_from_the_hub(name, fault)) from error
    return Path(found)


def read_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds; RefusedError where it is no object of sensible size."""
    if path.stat().st_size > MOST_CHARACTERS:
        raise RefusedError(hub_folders.json_too_large(path.name, MOST_CHARACTERS))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(hub_folders.no_json(path.name, first_line(error))) from error
    if not isinstance(found, dict):
        raise RefusedError(hub_folders.no_json(path.name, "it holds no object"))
    return found


def tensors_of(folder: Folder, empty: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a folder's weights; `empty` is the network that they are for.

    Fractions come in single precision.
    """
    if folder.gguf:
        return _unpacked(folder.path / folder.gguf, empty)
    index = folder.path / "model.safetensors.index.json"
    if index.is_file():
        parts = sorted({str(part) for part in read_json(index).get("weight_map", {}).values()})
        outside = [part for part in parts if Path(part).name != part]
        if outside or not parts:
            raise RefusedError(hub_folders.no_json(index.name, "it names no files beside it"))
        missing = tuple(part for part in parts if not (folder.path / part).is_file())
        if 0 < len(missing) < len(parts):
            raise RefusedError(hub_folders.parts_missing(index.name, missing, len(parts)))
    else:
        parts = ["model.safetensors"]
    if not (folder.path / parts[0]).is_file():
        pickled = sorted(f.name for f in folder.path.iterdir() if f.suffix.lower() in PICKLES)
        if pickled:
            raise RefusedError(weight_files.pickled(pickled[0]))
        raise RefusedError(hub_folders.no_weights(str(folder.path)))
    files = (read_weights(folder.path / part, single=True) for part in parts)
    return {name: tensor for file in files for name, tensor in file.items()}


def refuse_unknown_kind(folder: Folder) -> None:
    """Raise RefusedError where transformers has no reader for a GGUF file's kind of network."""
    gguf = library("gguf", "language")
    known = library("transformers.modeling_gguf_pytorch_utils", "language")
    field = gguf.GGUFReader(folder.path / str(folder.gguf)).fields["general.architecture"]
    kind = str(field.contents())
    kinds = [name.replace("_", "") for name in known.GGUF_SUPPORTED_ARCHITECTURES]
    if not any(name in kind.replace("_", "").replace("-", "") for name in kinds):
        raise RefusedError(hub_folders.other_gguf(str(folder.gguf), kind))


def _unpacked(path: Path, empty: nn.Module) -> dict[str, Tensor]:
    """Return a GGUF file's tensors, packed ones as the numbers that they stand for."""
    reader = library("transformers.modeling_gguf_pytorch_utils", "language")
    found = reader.load_gguf_checkpoint(
        str(path), return_tensors=True, model_to_load=empty, torch_dtype=torch.float32
    )
    tensors: dict[str, Tensor] = found["tensors"]
    refuse_nan(path.name, tensors)
    return tensors


@contextmanager
def told(folder: Folder) -> Iterator[None]:
    """Let transformers work in silence; what it raises over a folder is told as one sentence."""
    logging = library("transformers.utils.logging", "language")

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except RefusedError:
        raise
    # What a library can raise over files that anybody wrote is without end.
    except Exception as error:
        name = folder.gguf or "config.json"
        raise RefusedError(hub_folders.not_opened(name, first_line(error))) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
