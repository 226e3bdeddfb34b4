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
DEEPEST = 3  # how far what a module remembers is looked into
FEW = 1000  # of a tensor that is no parameter, how many values
_ANY_MODULE = frozenset(vars(nn.Module()))
VERSIONED = ("torch", "torchvision")  # packages whose code is known by its version
ENGINE = (
    "coupling/*.py", "coupling/rules/*.py", "network/*.py", "network/cuttable_forms/*.py",
    "granularity/*.py", "proof/*.py", "apply.py", "pruned/surgery.py", "pruned/bypass.py",
    "pruned/cache_places.py",
    "pruned/side_by_side.py", "measure/packing.py", "wording/**/*.py",
)  # fmt: skip


class Conclusion(BaseModel):
    """How each call is read, the layers whose cut does not hold, and what was looked at.

    `whole` says that the model's code wants the whole example and not one input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    digest: str
    interpretations: dict[str, int] = {}
    faulty: tuple[Skipped, ...] = ()
    whole: bool = False


def digest_of(
    model: nn.Module, example: Any, granularity: str, settings: Mapping[str, Value] | None = None
) -> str:
    """Return the SHA-256 of what a proof depends on: code, sizes, weights, shapes and settings."""
    found = hashlib.sha256()
    versions = (f"{package} {version(package)}" for package in VERSIONED)
    texts = (granularity, *_settings(settings or {}), *versions, _engine())
    for text in (*_structure(model), *texts):
        found.update(text.encode() + b"\0")
    leaves, tree = tree_flatten(example)
    found.update(repr(tree).encode())
    named = [*model.named_parameters(), *model.named_buffers()]
    for name, value in [*named, *enumerate(leaves)]:
        found.update(f"{name} ".encode())
        _add(found, value)
    return found.hexdigest()


def _add(found: Any, value: Any) -> None:
    """Add a tensor's type, shape and values to a digest, or anything else by its text."""
    if not isinstance(value, Tensor):
        found.update(repr(value).encode() + b"\0")
        return
    found.update(f"{value.dtype} {tuple(value.shape)} {value.layout}\0".encode())
    parts = [value] if value.layout == torch.strided else [value.to_dense()]
    for part in parts:
        flat = part.detach().cpu().contiguous().reshape(-1)
        found.update(flat.view(torch.uint8).numpy().data)


@cache
def _engine() -> str:
    """Return a digest of the code that traces, cuts and proves."""
    found, root = hashlib.sha256(), Path(__file__).parents[1]
    for file in sorted(file for room in ENGINE for file in root.glob(room)):
        found.update(file.read_bytes())
    return found.hexdigest()


def _structure(model: nn.Module) -> Iterator[str]:
    kinds: set[type] = set()
    for path, module in model.named_modules(remove_duplicate=False):
        kinds.update(type(module).__mro__[:-1])
        yield f"{path} {type(module).__module__}.{type(module).__qualname__}"
        for name, value in sorted(vars(module).items()):
            if name not in _ANY_MODULE:
                yield f"{name}={_text(value)}"
    sources = {
        _source(kind) for kind in kinds if kind.__module__.partition(".")[0] not in VERSIONED
    }
    yield from sorted(sources)


def _text(value: object, depth: int = 0) -> str:
    """Return what a module remembers as text: values, what holds values, and small tensors."""
    if _is_plain(value):
        return repr(value)
    if depth > DEEPEST:
        return type(value).__qualname__
    if isinstance(value, Tensor):
        return f"{value.dtype}{tuple(value.shape)}{value.detach().flatten()[:FEW].tolist()}"
    if isinstance(value, dict):
        return str({_text(k, depth + 1): _text(v, depth + 1) for k, v in value.items()})
    if isinstance(value, tuple | list | set | frozenset):
        texts = [_text(each, depth + 1) for each in value]
        return str(texts if isinstance(value, tuple | list) else sorted(texts))
    if callable(value) or isinstance(value, nn.Module):
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return f"{type(value).__qualname__} {_text(dict(getattr(value, '__dict__', {})), depth + 1)}"


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(_is_plain(part) for part in value)
    return type(value) in (int, float, bool, str, type(None))


def _source(kind: type) -> str:
    """Return the source of the file that a class stands in, as functions beside it are its too."""
    module = inspect.getmodule(kind)
    try:
        return inspect.getsource(module if module is not None else kind)
    except (OSError, TypeError):  # it was typed in, or is not written in Python
        codes = [f.__code__ for f in vars(kind).values() if inspect.isfunction(f)]
        return repr([(c.co_code, c.co_names, [x for x in c.co_consts if _is_plain(x)])
                     for c in codes])  # fmt: skip


def _settings(settings: Mapping[str, Value]) -> Iterator[str]:
    for name, value in sorted(settings.items()):
        yield f"{name}={value!r}"


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
