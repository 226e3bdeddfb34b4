"""Checkpoints: files that are whole or not used, the newest kept, milestones kept longer.

A file is called `DONE-m|s-SHA256.pt`: how many steps were done, milestone or step between, and the
hash of its content, so that a damaged one is known before it is opened.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from pruneviz.history.folder import write_bytes
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import working

KEPT = 2
HASH_DIGITS = 16


def write(directory: Path, done: int, state: dict[str, Any], *, milestone: bool) -> Path:
    """Write tensors and plain values after `done` steps, and forget what is no longer needed."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    mark = "m" if milestone else "s"
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(
            working.no_directory(str(directory), error.strerror or str(error))
        ) from error
    path = directory / f"{done:09d}-{mark}-{_hash(content)}.pt"
    write_bytes(path, content)
    _forget(directory)
    return path


def newest_first(directory: Path) -> list[Path]:
    """Return the checkpoints, the one with the most steps first."""
    return sorted(directory.glob("*-?-*.pt"), key=lambda path: path.name, reverse=True)


def read(path: Path) -> dict[str, Any]:
    """Return a checkpoint's state; ValueError where it is damaged or holds more than data."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RefusedError(working.checkpoint_unreadable(error.strerror or str(error))) from error
    if path.stem.rpartition("-")[2] != _hash(content):
        raise RefusedError(working.checkpoint_changed())
    try:
        state = torch.load(io.BytesIO(content), weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise RefusedError(working.checkpoint_damaged()) from error
    if not isinstance(state, dict):
        raise RefusedError(working.no_checkpoint())
    return state


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:HASH_DIGITS]


def _forget(directory: Path) -> None:
    """Delete all but the newest milestones and the newest of all."""
    files = newest_first(directory)
    milestones = [path for path in files if "-m-" in path.name]
    for path in set(files) - set(files[:KEPT]) - set(milestones[:KEPT]):
        path.unlink(missing_ok=True)
