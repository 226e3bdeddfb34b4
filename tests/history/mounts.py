"""Disks that are full and folders that nothing can be written into, for as long as a test lasts."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def _mount(*arguments: str | Path) -> None:
    result = subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False)
    if result.returncode:
        pytest.skip("only a privileged user may mount")


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[Path]:
    """Give a disk of a few megabytes."""
    path.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@contextlib.contextmanager
def full(path: Path) -> Iterator[None]:
    """Fill the disk up to the last byte."""
    filler = path / "filler"
    with filler.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while out.write(bytes(size)):
                    pass
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Let nothing be written below a folder, not even by root."""
    if os.geteuid():
        folders = [path, *(p for p in path.rglob("*") if p.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        try:
            yield
        finally:
            for folder in folders:
                folder.chmod(0o755)
        return
    _mount("--bind", path, path)
    try:
        _mount("-o", "remount,ro,bind", path)
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
