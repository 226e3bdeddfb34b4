"""A file that holds what is known of many images, and their bytes as they become known."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pruneviz.subjects.files.decoded import MOST_BYTES, UNFINISHED, Shelf, make_room

log = logging.getLogger(__name__)
DIGEST, MARK = 32, 16  # bytes of a SHA-256, and of what stands for a file's mark
MOST_HEAD_BYTES = 100_000
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Kept:
    """What is known of N images: digests of their files, (N, 32), and the bytes of the first K.

    `marks` (N, 16) stand for what each file is known by. A digest of zeros is not known yet.
    `values` (K, C, H, W) hold an image where its sum, int64 (K,), is its CRC-32 and one.
    """

    marks: Bytes
    digests: Bytes
    sums: NDArray[np.int64]
    values: Bytes

    @classmethod
    def opened(cls, shelf: Shelf, marks: Sequence[str], shape: tuple[int, ...]) -> Kept:
        """Return what is kept of images that go by these marks, each (C, H, W).

        What a shelf's file knows of files with the same mark is taken over. Where the file cannot
        be, all is in memory as long as it is used, and no bytes are kept.
        """
        own = np.array([_marked(mark) for mark in marks], np.uint8)
        file, most = shelf.named("many"), MOST_BYTES // int(np.prod(shape))
        try:
            before = cls._mapped(file)
            if before is None or not before.is_of(own, shape):
                file.parent.mkdir(parents=True, exist_ok=True)
                before = cls._made(shelf, file, own, (min(most, len(own)), *shape), before)
            os.utime(file)  # what was used last stays longest
        except (OSError, ValueError) as error:
            log.warning("images are not kept as they are decoded: %s", error)
            return cls(own, *_empty(len(own), (0, *shape)))
        return before

    def is_of(self, marks: Bytes, shape: tuple[int, ...]) -> bool:
        """Say whether these are the images with such marks, each (C, H, W)."""
        return np.array_equal(self.marks, marks) and self.values.shape[1:] == shape

    @classmethod
    def _mapped(cls, file: Path) -> Kept | None:
        """Return what a file holds, mapped from the disk; None where it is none."""
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            head = opened.read(size) if size <= MOST_HEAD_BYTES else b""
        try:
            told = json.loads(head)
            forms = {name: tuple(map(int, told[name]["shape"])) for name in ORDER}
        except (ValueError, KeyError, TypeError):
            return None
        if _head(told["__metadata__"]["source"], forms)[8:] != head:
            return None
        whole = np.memmap(file, np.uint8, "r+", 8 + size, (_bytes(forms),))
        parts = dict(zip(ORDER, np.split(whole, _ends(forms)[:-1]), strict=True))
        return cls(
            marks=parts["marks"].reshape(forms["marks"]),
            digests=parts["digests"].reshape(forms["digests"]),
            sums=parts["sums"].view(np.int64),
            values=parts["values"].reshape(forms["values"]),
        )

    @classmethod
    def _made(
        cls, shelf: Shelf, file: Path, marks: Bytes, values: tuple[int, ...], before: Kept | None
    ) -> Kept:
        """Return a new file in the place of one before, with what that knows of the same images."""
        forms = {"sums": values[:1], "marks": marks.shape, "digests": (len(marks), DIGEST)}
        forms |= {"values": values}
        head = _head(str(shelf.source), forms)
        make_room(file, len(head) + _bytes(forms))
        handle, part = tempfile.mkstemp(dir=file.parent, suffix=UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as opened:
                opened.write(head)
                opened.flush()
                _reserve(opened.fileno(), len(head) + _bytes(forms))
            made = cls._mapped(Path(part))
            assert made is not None
            made.marks[:] = marks
            if before is not None and before.values.shape[1:] == values[1:]:
                made.take_over(before)
            Path(part).replace(file)
        finally:
            Path(part).unlink(missing_ok=True)
        return made

    def take_over(self, other: Kept) -> None:
        """Take what another knows of images with the same marks."""
        known = {mark.tobytes(): row for row, mark in enumerate(other.marks) if mark.any()}
        for row, mark in enumerate(self.marks):
            there = known.get(mark.tobytes())
            if there is None:
                continue
            self.digests[row] = other.digests[there]
            image = other.get(there) if row < len(self.values) else None
            if image is not None:
                self.put(row, image)

    def get(self, row: int) -> Bytes | None:
        """Return an image, None where there is none or a damaged one."""
        if row >= len(self.values) or not self.sums[row]:
            return None
        image: Bytes = self.values[row]
        return image if self.sums[row] == _sum(image) else None

    def put(self, row: int, image: Bytes) -> None:
        """Keep an image; its sum comes last, so that half an image counts as none."""
        if row < len(self.values):
            self.values[row] = image
            self.sums[row] = _sum(image)


ORDER = ("sums", "marks", "digests", "values")  # first what has to lie at a multiple of 8
Forms = dict[str, tuple[int, ...]]


def _marked(mark: str) -> list[int]:
    """Return what stands for a mark, zeros for that of a file that cannot be looked at."""
    if not mark:
        return [0] * MARK
    return list(hashlib.blake2b(mark.encode(), digest_size=MARK).digest())


def _sum(image: Bytes) -> int:
    return crc32(np.ascontiguousarray(image).data) + 1


def _empty(count: int, values: tuple[int, ...]) -> tuple[Bytes, NDArray[np.int64], Bytes]:
    """Return digests, sums and values of images of which nothing is known."""
    digests = np.zeros((count, DIGEST), np.uint8)
    return digests, np.zeros(values[0], np.int64), np.zeros(values, np.uint8)


def _ends(forms: Forms) -> list[int]:
    """Return where each tensor ends behind a file's head."""
    sizes = [int(np.prod(forms[name])) * (8 if name == "sums" else 1) for name in ORDER]
    return [int(end) for end in np.cumsum(sizes)]


def _bytes(forms: Forms) -> int:
    return _ends(forms)[-1]


def _head(source: str, forms: Forms) -> bytes:
    """Return the head of a safetensors file of these tensors."""
    held: dict[str, Any] = {"__metadata__": {"source": source}}
    start = 0
    for name, end in zip(ORDER, _ends(forms), strict=True):
        kind = "I64" if name == "sums" else "U8"
        held[name] = {"dtype": kind, "shape": forms[name], "data_offsets": (start, end)}
        start = end
    text = json.dumps(held).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _reserve(file: int, length: int) -> None:
    """Make an open file so long, with zeros, and take the room for it where the system can.

    A disk that is full when a mapped page is written would end the process.
    """
    reserve = getattr(os, "posix_fallocate", None)
    if reserve is None:
        os.ftruncate(file, length)
    else:
        reserve(file, 0, length)
