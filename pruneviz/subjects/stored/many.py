"""More images than memory should hold: looked at when opened, decoded when they are needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from pruneviz.subjects.files.decoded import WORKERS, Shelf
from pruneviz.subjects.files.image_tree import ImageFile
from pruneviz.subjects.files.pixels import BrokenImageError, decode, is_deep
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.stored.kept import Kept
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import image_files

TOGETHER = 256  # images handed to the workers at a time
BROKEN = b"\xff" * 32  # in the place of a broken file's digest
ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
NEAR = 4096  # bytes: what may stand behind an image's end


@dataclass(frozen=True, eq=False)
class ManyImages:
    """Images of 8 bits, (N, C, H, W), each decoded when it is read, and kept where there is room.

    Reading raises RefusedError for a file that is another than it was, or not whole, by its name.
    """

    files: Sequence[ImageFile]
    expects: Expectation
    kept: Kept
    # threads stay: what each new one decodes would take memory of its own
    workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS))

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        assert self.expects.shape is not None
        return len(self.files), *self.expects.shape

    @property
    def digests(self) -> Tensor:
        """Return the SHA-256 of each image's file, and of how it is read, uint8 (N, 64)."""
        way = repr((self.expects.resize, self.expects.interpolation, self.expects.colour))
        read = np.frombuffer(hashlib.sha256(way.encode()).digest(), np.uint8)
        whole = np.broadcast_to(read, self.kept.digests.shape)
        return torch.from_numpy(np.concatenate([self.kept.digests, whole], axis=1))

    def look(self) -> Iterator[int | RefusedError]:
        """Yield each image's number, or why it is none, once all their files were looked at.

        RefusedError is raised for one of more than 8 bits a colour.
        """
        digests = self.kept.digests
        new = np.flatnonzero(~digests.any(1)).tolist()
        for start in range(0, len(new), TOGETHER):
            rows = new[start : start + TOGETHER]
            for row, digest in zip(rows, self.workers.map(self._digest, rows), strict=True):
                digests[row] = np.frombuffer(digest, np.uint8)
        broken = (digests == 255).all(1) | ~digests.any(1)
        for row, file in enumerate(self.files):
            if broken[row]:
                yield BrokenImageError(image_files.not_whole(file.name))
            else:
                yield row

    def _digest(self, row: int) -> bytes:
        """Return the SHA-256 of a file, zeros where it cannot be read, `BROKEN` of no image."""
        try:
            file, content = _read(self.files[row])
            if not _is_whole(content, file):
                decode(file, self.expects)
        except BrokenImageError:
            return BROKEN
        except OSError:
            return bytes(len(BROKEN))
        return hashlib.sha256(content).digest()

    def read(self, which: Tensor) -> Tensor:
        """Return the images of these numbers, uint8 (B, C, H, W)."""
        rows = which.tolist()
        found = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for place, image in enumerate(self.workers.map(self._image, rows)):
            found[place] = image
        return torch.from_numpy(found)

    def _image(self, row: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        known = self.kept.get(row)
        if known is not None:
            return known
        name, expected = self.files[row].name, self.kept.digests[row].tobytes()
        try:
            file, content = _read(self.files[row])
        except OSError as error:
            raise RefusedError(image_files.another_by_now(name)) from error
        if hashlib.sha256(content).digest() != expected:
            raise RefusedError(image_files.another_by_now(name))
        try:
            image = decode(file, self.expects).values.numpy()
        except BrokenImageError as error:
            self.kept.digests[row] = np.frombuffer(BROKEN, np.uint8)  # left out from now on
            raise RefusedError(image_files.not_whole_after_all(name)) from error
        self.kept.put(row, image)
        return image


def many_images(files: Sequence[ImageFile], expects: Expectation, shelf: Shelf) -> ManyImages:
    """Return the images of files in the form in which a model expects them."""
    assert expects.shape is not None
    marks = [shelf.mark(file) for file in files]
    return ManyImages(files, expects, Kept.opened(shelf, marks, expects.shape))


def _read(file: ImageFile) -> tuple[ImageFile, bytes]:
    """Return a file that is read already, and what it holds."""
    content = file.read()
    return replace(file, read=lambda: content), content


def _is_whole(content: bytes, file: ImageFile) -> bool:
    """Say whether a file begins and ends as an image does; False where only decoding it tells.

    BrokenImageError where it does not begin so, RefusedError for more than 8 bits a colour.
    """
    format_, deep = is_deep(file)
    if deep:
        raise RefusedError(image_files.deep_among_many(file.name))
    return format_ in ENDS and ENDS[format_] in content[-NEAR:]
