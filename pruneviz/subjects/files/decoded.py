"""Images decoded side by side, and kept on disk in bytes: opening them again decodes none."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import PIL
import torch
from torch import Tensor

from pruneviz.subjects.files import pixels
from pruneviz.subjects.files.image_tree import ImageFile
from pruneviz.subjects.files.pixels import Pixels, decode
from pruneviz.subjects.files.values import BYTE
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.wording import RefusedError

log = logging.getLogger(__name__)
MOST_BYTES = 5_000_000_000  # of all that is kept
SPARE_BYTES = 1_000_000_000  # of the disk, left to others
UNFINISHED_SECONDS = 3600  # of a file that is still being written: whoever began it was killed
WORKERS = min(4, os.cpu_count() or 1)  # each holds a whole image
TOGETHER = 256  # images handed to the workers at a time
ENDING, UNFINISHED = ".safetensors", ".part"


@dataclass(frozen=True, eq=False)
class Bytes:
    """Images of 8 bits, `values` (N, C, H, W) uint8; `rows` says by its mark where each lies.

    `narrowed` (N,) is that of `Pixels`. A row without a mark holds none.
    """

    values: Tensor
    narrowed: Tensor
    rows: dict[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, count: int, shape: Sequence[int]) -> Bytes:
        """Return room for so many images (C, H, W)."""
        values = torch.zeros(count, *shape, dtype=torch.uint8)
        return cls(values, torch.zeros(count, dtype=torch.bool))

    def get(self, mark: str) -> Pixels | None:
        """Return the image of a mark, None where there is none."""
        row = self.rows.get(mark)
        if row is None:
            return None
        return Pixels(self.values[row], BYTE, narrowed=bool(self.narrowed[row]), row=row)

    def put(self, row: int, mark: str, image: Pixels) -> Pixels:
        """Take an image of 8 bits in, and return it as it lies there."""
        self.values[row], self.narrowed[row], self.rows[mark] = image.values, image.narrowed, row
        return replace(image, values=self.values[row], row=row)


@dataclass(frozen=True)
class Shelf:
    """The file in which images of one source, read in one way, are kept.

    `stamp` says by an image's path what changes whenever its file does.
    """

    file: Path
    source: Path
    stamp: Callable[[str], str]

    @classmethod
    def of(
        cls, home: Path, source: Path, expects: Expectation, stamp: Callable[[str], str]
    ) -> Shelf:
        """Return that of a folder or archive and of the form in which images are expected."""
        source = source.resolve()
        way = (expects.shape, expects.resize, expects.interpolation, expects.colour)
        code = [Path(file).read_bytes() for file in (pixels.__file__, __file__)]
        of = (str(source), way, pixels.MAX_PIXELS, PIL.__version__, code)
        digest = hashlib.sha256(repr(of).encode()).hexdigest()
        return cls(home / "images" / f"{digest}{ENDING}", source, stamp)

    def named(self, further: str) -> Path:
        """Return another file beside, named by this one's name and by something further."""
        digest = hashlib.sha256(f"{self.file.name}\0{further}".encode()).hexdigest()
        return self.file.with_name(f"{digest}{ENDING}")

    def mark(self, file: ImageFile) -> str:
        """Return what an image is known by, "" where its file cannot be looked at."""
        try:
            return f"{file.path}\0{self.stamp(file.path)}"
        except OSError:
            return ""

    def recall(self) -> Bytes:
        """Return what is kept; nothing where there is none, or where it is damaged."""
        from safetensors import SafetensorError, safe_open

        none = Bytes.empty(0, ())
        if not self.file.is_file():
            return none
        try:
            with safe_open(self.file, framework="pt") as file:
                told = file.metadata()
                values, narrowed = file.get_tensor("values"), file.get_tensor("narrowed")
            found = Bytes(values, narrowed, json.loads(told["rows"]))
            whole = _sha256(found) == told["sha256"]
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            whole = False
        if not whole:
            log.warning("%s is damaged: its images are decoded again", self.file)
            return none
        with suppress(OSError):  # of a home that is not ours to write
            os.utime(self.file)  # what was used last stays longest
        return found

    def keep(self, images: Bytes) -> None:
        """Keep images in the place of those before, whole or not at all, where there is room."""
        from safetensors.torch import save_file

        told = {"rows": json.dumps(images.rows), "sha256": _sha256(images)}
        tensors = {"values": images.values, "narrowed": images.narrowed}
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            make_room(self.file, images.values.nbytes)
            handle, part = tempfile.mkstemp(dir=self.file.parent, suffix=UNFINISHED)
            os.close(handle)
            try:
                save_file(tensors, part, {**told, "source": str(self.source)})
                Path(part).replace(self.file)
            finally:
                Path(part).unlink(missing_ok=True)
        except OSError as error:
            log.warning("decoded images are not kept: %s", error)


def decoded(
    files: Sequence[ImageFile], expects: Expectation, shelf: Shelf | None
) -> tuple[Tensor, Iterator[Pixels | RefusedError]]:
    """Return room for the bytes of images, uint8 (rows, C, H, W), and what fills it.

    The latter are each file's image, or why it gives none, in their order; what is new is kept.
    """
    assert expects.shape is not None
    known = shelf.recall() if shelf else Bytes.empty(0, ())
    marks = [shelf.mark(file) if shelf else "" for file in files]
    found = [known.get(mark) for mark in marks]
    if all(each is not None for each in found):
        return known.values, (each for each in found if each is not None)
    images = Bytes.empty(len(files), expects.shape)
    return images.values, _decoded(files, expects, shelf, known, images)


def _decoded(
    files: Sequence[ImageFile],
    expects: Expectation,
    shelf: Shelf | None,
    known: Bytes,
    images: Bytes,
) -> Iterator[Pixels | RefusedError]:
    """Yield each file's image, or why it gives none, in their order; what is new is kept."""
    new = False

    def read(file: ImageFile) -> tuple[str, bool, Pixels | RefusedError]:
        mark = shelf.mark(file) if shelf else ""
        kept = known.get(mark)
        try:
            return mark, kept is None, decode(file, expects) if kept is None else kept
        except RefusedError as error:
            return mark, False, error

    with ThreadPoolExecutor(WORKERS) as workers:
        for start in range(0, len(files), TOGETHER):
            found = list(workers.map(read, files[start : start + TOGETHER]))
            for row, (mark, fresh, image) in enumerate(found, start):
                if isinstance(image, RefusedError) or image.full != BYTE:
                    yield image
                else:
                    new = new or fresh
                    yield images.put(row, mark, image)
    if shelf and new:
        images.rows.pop("", None)
        shelf.keep(images)


def _sha256(images: Bytes) -> str:
    found = hashlib.sha256(json.dumps(images.rows).encode())
    for tensor in (images.values, images.narrowed):
        found.update(tensor.numpy().data)
    return found.hexdigest()


def make_room(file: Path, size: int) -> None:
    """Remove, beside a file to come, what is of no use and what was not used the longest.

    OSError where the disk would be nearly full even so.
    """
    kept = []
    for path in file.parent.iterdir():
        with suppress(FileNotFoundError):  # another process tidies up too
            state = path.stat()
            if path.suffix == ENDING and path != file:
                kept.append((state.st_mtime, state.st_size, path))
            is_old = time.time() - state.st_mtime > UNFINISHED_SECONDS
            if path.suffix == UNFINISHED and is_old:
                path.unlink()
    total, useless = size, []
    for _, own, path in sorted(kept, reverse=True):
        if _is_left_behind(path) or total + own > MOST_BYTES:
            useless.append((path, own))
        else:
            total += own
    free = shutil.disk_usage(file.parent).free + sum(own for _, own in useless)
    if free - size < SPARE_BYTES:
        raise OSError(f"less than {SPARE_BYTES // 1_000_000_000} GB of the disk would be left")
    for path, _ in useless:
        path.unlink(missing_ok=True)


def _is_left_behind(path: Path) -> bool:
    """Say whether a kept file is damaged, or its folder or archive is gone."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return not Path(file.metadata()["source"]).exists()
    except (OSError, SafetensorError, KeyError, TypeError):
        return True
