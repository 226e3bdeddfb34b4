"""What a proof concluded, kept by a digest of all that it depends on, so that it runs once."""

from __future__ import annotations

import hashlib
import inspect
import os
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from pruneviz.home import default_home
from pruneviz.registry import Value
from pruneviz.report import Skipped

MOST_FILES = 200
VERSIONED = ("torch", "torchvision")  # packages whose code is known by its version
ENGINE = (
    "coupling/*.py", "explicit/*.py", "granularity/*.py", "proof.py", "rehearsal.py", "apply.py",
    "surgery.py", "bypass.py", "masks.py",
)  # fmt: skip


class Conclusion(BaseModel):
    """How each call is read, the layers whose cut does not hold, and what was looked at.

    `whole` says that the model's code wants the whole example and not one input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    digest: str
    readings: dict[str, int] = {}
    faulty: tuple[Skipped, ...] = ()
    whole: bool = False


def digest_of(
    model: nn.Module, example: Any, granularity: str, settings: Mapping[str, Value] | None = None
) -> str:
    """Return the SHA-256 of what a proof depends on: code, sizes, weights, shapes and settings."""
    found = hashlib.sha256()
    for text in (*_structure(model), *_shapes(example), granularity, *_settings(settings or {})):
        found.update(text.encode() + b"\0")
    for text in (*(f"{package} {version(package)}" for package in VERSIONED), _engine()):
        found.update(text.encode() + b"\0")
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        found.update(flat.view(torch.uint8).numpy().data)
    return found.hexdigest()


@cache
def _engine() -> str:
    """Return a digest of the code that traces, cuts and proves."""
    found, root = hashlib.sha256(), Path(__file__).parent
    for file in sorted(file for room in ENGINE for file in root.glob(room)):
        found.update(file.read_bytes())
    return found.hexdigest()


def _structure(model: nn.Module) -> Iterator[str]:
    kinds: set[type] = set()
    for path, module in model.named_modules(remove_duplicate=False):
        kinds.update(type(module).__mro__[:-1])
        yield f"{path} {type(module).__module__}.{type(module).__qualname__}"
        for name, value in sorted(vars(module).items()):
            if _is_plain(value):
                yield f"{name}={value!r}"
    for kind in sorted(kinds, key=lambda each: (each.__module__, each.__qualname__)):
        if kind.__module__.partition(".")[0] not in VERSIONED:
            yield _source(kind)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_plain(part) for part in value)
    return type(value) in (int, float, bool, str, type(None))


def _source(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # it was typed in, or is not written in Python
        codes = [f.__code__ for f in vars(kind).values() if inspect.isfunction(f)]
        return repr([(c.co_code, c.co_names, [x for x in c.co_consts if _is_plain(x)])
                     for c in codes])  # fmt: skip


def _settings(settings: Mapping[str, Value]) -> Iterator[str]:
    for name, value in sorted(settings.items()):
        yield f"{name}={value!r}"


def _shapes(example: Any) -> Iterator[str]:
    leaves, tree = tree_flatten(example)
    yield repr(tree)
    for leaf in leaves:
        yield f"{leaf.dtype} {tuple(leaf.shape)}" if isinstance(leaf, Tensor) else repr(leaf)


def _folder() -> Path:
    return default_home() / "proofs"


def recall(digest: str) -> Conclusion | None:
    """Return what was concluded for a digest, None where nothing readable is kept for it."""
    try:
        found = Conclusion.model_validate_json((_folder() / f"{digest}.json").read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.digest == digest else None


def record(conclusion: Conclusion) -> None:
    """Keep a conclusion where the folder can be written; the oldest of more than 200 go."""
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        handle, written = tempfile.mkstemp(dir=_folder(), suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(conclusion.model_dump_json())
        Path(written).replace(_folder() / f"{conclusion.digest}.json")
        files = sorted(_folder().glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in files[:-MOST_FILES]:
            path.unlink(missing_ok=True)
    except OSError:
        return  # it is proved again the next time
