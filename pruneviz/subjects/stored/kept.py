"""A file that holds what is known of many images, and their bytes as they become known."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pruneviz.subjects.files.decoded import MOST_BYTES, UNFINISHED, Shelf, make_room

log = logging.getLogger(__name__)
DIGEST = 32  # bytes of a SHA-256


@dataclass(frozen=True, eq=False)
class Kept:
    """What is known of N images: digests of their files, (N, 32) bytes, and their own bytes.

    A digest of zeros is not known yet. `values` (N, C, H, W) hold an image where its sum, int64, is
    one more than the CRC-32 of it; they are None where the disk has no room for all.
    """

    digests: NDArray[np.uint8]
    sums: NDArray[np.int64]
    values: NDArray[np.uint8] | None

    @classmethod
    def opened(cls, shelf: Shelf, marks: list[str], shape: tuple[int, ...]) -> Kept:
        """Return what a shelf's file keeps of images that go by these marks, each (C, H, W).

        Where the file cannot be, it is kept in memory as long as it is used.
        """
        count, size = len(marks), int(np.prod(shape))
        file = shelf.named("\n".join(marks))
        for values in (count, 0) if count * size <= MOST_BYTES else (0,):
            try:
                return cls._mapped(shelf, file, count, values, shape)
            except (OSError, ValueError) as error:
                log.warning("images are not kept as they are decoded: %s", error)
        return cls(np.zeros((count, DIGEST), np.uint8), np.zeros(0, np.int64), None)

    @classmethod
    def _mapped(
        cls, shelf: Shelf, file: Path, count: int, values: int, shape: tuple[int, ...]
    ) -> Kept:
        head, ends = _head(shelf.source, count, values, shape)
        length = len(head) + ends[-1]
        if not _is_of(file, head, length):
            file.parent.mkdir(parents=True, exist_ok=True)
            make_room(file, length)
            _write_empty(file, head, length)
        os.utime(file)  # what was used last stays longest
        whole = np.memmap(file, np.uint8, "r+", len(head), (ends[-1],))
        sums, digests, rest = np.split(whole, ends[:-1])
        images = rest.reshape(values, *shape) if values else None
        return cls(digests.reshape(count, DIGEST), sums.view(np.int64), images)

    def get(self, row: int) -> NDArray[np.uint8] | None:
        """Return an image, None where there is none or a damaged one."""
        if self.values is None or self.sums[row] != _sum(self.values[row]):
            return None
        image: NDArray[np.uint8] = self.values[row]
        return image

    def put(self, row: int, image: NDArray[np.uint8]) -> None:
        """Keep an image; its sum comes last, so that half an image counts as none."""
        if self.values is not None:
            self.values[row] = image
            self.sums[row] = _sum(image)


def _sum(image: NDArray[np.uint8]) -> int:
    return zlib.crc32(np.ascontiguousarray(image).data) + 1


def _head(
    source: Path, count: int, values: int, shape: tuple[int, ...]
) -> tuple[bytes, tuple[int, int, int]]:
    """Return the head of a safetensors file of three tensors, and where each of them ends."""
    held: dict[str, Any] = {"__metadata__": {"source": str(source)}}
    start = 0
    ends = []
    for name, kind, bytes_each, form in (
        ("sums", "I64", 8, (values,)),
        ("digests", "U8", 1, (count, DIGEST)),
        ("values", "U8", 1, (values, *shape)),
    ):
        end = start + bytes_each * int(np.prod(form))
        held[name] = {"dtype": kind, "shape": form, "data_offsets": (start, end)}
        ends.append(end)
        start = end
    text = json.dumps(held).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, (ends[0], ends[1], ends[2])


def _is_of(file: Path, head: bytes, length: int) -> bool:
    if not file.is_file() or file.stat().st_size != length:
        return False
    with file.open("rb") as opened:
        return opened.read(len(head)) == head


def _write_empty(file: Path, head: bytes, length: int) -> None:
    """Write a file of zeros after its head, for all of which the disk has room from then on.

    A disk that is full when a mapped page is written would end the process.
    """
    handle, part = tempfile.mkstemp(dir=file.parent, suffix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(head)
            opened.flush()
            reserve = getattr(os, "posix_fallocate", None)
            if reserve is None:  # where systems lack it
                opened.truncate(length)
            else:
                reserve(opened.fileno(), 0, length)
        Path(part).replace(file)
    finally:
        Path(part).unlink(missing_ok=True)
