"""One image file, or mask, as a tensor of the size and colours that the model takes."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile as OpenedImage
from torch import Tensor

from pruneviz.subjects.files.image_tree import ImageFile
from pruneviz.subjects.files.values import BYTE, WORD, Span, span_of
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import image_files, mask_files

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 50_000_000
DAMAGE = (
    UnidentifiedImageError,
    OSError,
    SyntaxError,  # what Pillow raises for broken PNG chunks
    ValueError,  # and for headers that promise more than the file holds
    zipfile.BadZipFile,
    zlib.error,
)
NAMED = "PGM"  # one whose header says what white is
KEEPING = ("PNG", "BMP", "TIFF")  # formats that keep numbers: GIF renumbers its palette
NUMBERED = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")  # modes with one whole number a pixel
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # EXIF's tag, and its values of images on their side
MARKED = (2, 3, 4, *TURNED)  # and of all that are not shown as they are stored
SPREAD = {"L;2": 85, "L;4": 17}  # what Pillow multiplies grey of 2 and 4 bits by
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


T = TypeVar("T")


class BrokenImageError(RefusedError):
    """A file that is not a whole image."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """An image (C, H, W) in its file's units, `full` the white of its type, None if it has none.

    `values` are bytes, uint8, or of deeper images float32.
    With a `span`, that of the file, it may use less than its type holds. `narrowed` says that the
    file has 16 bits a colour, of which Pillow reads the upper 8. `size` is (width, height) as the
    image is shown; `turned` says that it is stored turned or mirrored, in that same size. `row` is
    where the bytes lie among those of all images, None where they do not.
    """

    values: Tensor
    full: float | None
    span: Span | None = None
    narrowed: bool = False
    size: tuple[int, int] = (0, 0)
    turned: bool = False
    row: int | None = None


def decode(file: ImageFile, expects: Expectation) -> Pixels:
    """Return one image; BrokenImageError names a file that is none, ValueError one too large."""

    def read(image: OpenedImage) -> Pixels:
        # a PGM may name its white, and Pillow scales that to 65,535
        named = any(tile[0] in ("ppm", "ppm_plain") for tile in image.tile)
        kind = NAMED if named else image.format or ""
        narrowed = any(";16" in _raw_mode(tile[3]) for tile in image.tile)
        upright = ImageOps.exif_transpose(image)
        pixels = _pixels(upright, kind, expects)
        turned = image.getexif().get(ORIENTATION, 1) in MARKED and image.size == upright.size
        narrowed = narrowed and pixels.full == BYTE
        return replace(pixels, narrowed=narrowed, size=upright.size, turned=turned)

    return _opened(file, read)


def size_of(file: ImageFile) -> tuple[int, int] | None:
    """Return an image's (width, height) as it is shown; None for a file that is none."""

    def read(image: OpenedImage) -> tuple[int, int]:
        turned = image.getexif().get(ORIENTATION, 1) in TURNED
        return (image.height, image.width) if turned else image.size

    try:
        return _opened(file, read)
    except RefusedError:
        return None


def is_deep(file: ImageFile) -> tuple[str, bool]:
    """Return an image's format, and whether it has more than 8 bits a colour, without decoding it.

    BrokenImageError and ValueError as of `decode`, of a PNG also where its checksums do not hold.
    """

    def read(image: OpenedImage) -> tuple[str, bool]:
        narrowed = any(";16" in _raw_mode(tile[3]) for tile in image.tile)
        found = image.format or "", narrowed or image.mode.startswith(("I", "F"))
        if found[0] == "PNG":
            image.verify()
        return found

    return _opened(file, read)


def decode_mask(file: ImageFile, expects: Expectation, size: tuple[int, int]) -> Tensor:
    """Return a mask's numbers, int32 (H, W) in the model's size, the nearest pixel's each.

    `size` is (width, height) of its image. BrokenImageError as of images; RefusedError where it is
    of another size, or its pixels are no whole numbers.
    """

    def read(image: OpenedImage) -> Tensor:
        if image.format not in KEEPING:
            raise RefusedError(mask_files.changes_numbers(file.name, image.format or ""))
        if image.mode not in NUMBERED:
            colours = image.mode != "F"
            raise RefusedError(mask_files.no_class_numbers(file.name, colours))
        spread = max((SPREAD.get(_raw_mode(tile[3]), 1) for tile in image.tile), default=1)
        upright = ImageOps.exif_transpose(image)
        if upright.size != size:
            raise RefusedError(mask_files.other_size(file.name, upright.size, size))
        numbers = np.asarray(upright).astype(np.int32) // spread
        if numbers.min() < 0:
            raise RefusedError(mask_files.no_class_numbers(file.name, False))
        sized = _resized(Image.fromarray(numbers), replace(expects, interpolation="nearest"))
        return torch.from_numpy(np.array(sized, dtype=np.int32))

    return _opened(file, read)


def _opened(file: ImageFile, read: Callable[[OpenedImage], T]) -> T:
    """Return what is read of an opened image file; BrokenImageError, ValueError for a large one."""
    try:
        with Image.open(io.BytesIO(file.read()), formats=FORMATS) as image:
            if image.width * image.height <= MAX_PIXELS:
                return read(image)
            width, height = image.size
    except Image.DecompressionBombError:
        width, height = 0, 0  # Pillow does not say
    except RefusedError:
        raise
    except DAMAGE as error:
        raise BrokenImageError(image_files.not_whole(file.name)) from error
    millions = MAX_PIXELS // 1_000_000
    raise RefusedError(image_files.too_many_pixels(file.name, width, height, millions))


def _raw_mode(args: object) -> str:
    """Return how a file stores its pixels, from what Pillow's decoder is given."""
    return str(args[0] if isinstance(args, tuple) and args else args)


def _pixels(image: Image.Image, kind: str, expects: Expectation) -> Pixels:
    assert expects.shape is not None
    channels = expects.shape[0]
    if image.mode.startswith(("I", "F")):
        return _deep(image, kind, expects)
    grey = channels == 1 or expects.colour == "grey"
    scaled = _resized(image.convert("L" if grey else "RGB"), expects)
    values = torch.from_numpy(np.array(scaled, dtype=np.uint8))
    if grey:
        return Pixels(values.expand(channels, *values.shape), BYTE)
    values = values.permute(2, 0, 1)
    return Pixels(values.flip(0) if expects.colour == "bgr" else values, BYTE)


def _deep(image: Image.Image, kind: str, expects: Expectation) -> Pixels:
    """Return a grey image of more than 8 bits, as deep as it is."""
    assert expects.shape is not None
    array = np.asarray(image).astype(np.float32)
    if not np.isfinite(array).all():
        array[:] = np.nan  # resizing spreads it, and the image is refused by its name
    span = span_of(array)
    scaled = np.asarray(_resized(Image.fromarray(array), expects)).clip(span.low, span.high)
    values = torch.from_numpy(scaled.copy()).expand(expects.shape)
    if kind == NAMED:
        return Pixels(values, WORD)
    # PNG and PGM know 16 bits alone, in whatever mode they are opened; TIFF leaves it open
    known = image.mode.startswith("I;16") or kind in ("PNG", "PPM")
    return Pixels(values, WORD if known else None, span)


def _resized(image: Image.Image, expects: Expectation) -> Image.Image:
    assert expects.shape is not None
    _, height, width = expects.shape
    resampling = FILTERS.get(expects.interpolation, Image.Resampling.BILINEAR)
    if expects.resize is None:
        return image.resize((width, height), resampling)
    return _centre(image, (width, height), expects.resize, resampling)


def _centre(
    image: Image.Image, size: tuple[int, int], shorter: int, resampling: Image.Resampling
) -> Image.Image:
    """Return the centre of the image, `size` (width, height), its shorter side scaled first."""
    scale = max(shorter, *size) / min(image.size)
    width = max(size[0], int(image.width * scale))
    height = max(size[1], int(image.height * scale))
    left, top = round((width - size[0]) / 2), round((height - size[1]) / 2)
    box = (left, top, left + size[0], top + size[1])
    return image.resize((width, height), resampling).crop(box)
