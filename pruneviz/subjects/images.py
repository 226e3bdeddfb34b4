"""Images in folders, one folder for each class, on disk or in a zip file."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from pruneviz.subjects.expectation import Expectation
from pruneviz.subjects.raw import RawData
from pruneviz.subjects.split import stratified

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 50_000_000
MAX_IMAGE_BYTES = 100_000_000
MAX_TENSOR_BYTES = 1_500_000_000
MAX_MEMBERS = 50_000
MAX_UNPACKED_BYTES = 1_000_000_000
SUBSET_SEED = 0
DAMAGE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,  # what Pillow raises for broken PNG chunks
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class ImageFile:
    """An image not yet read: its class, its name for messages, and how to get its bytes."""

    label: str
    name: str
    read: Callable[[], bytes]


def read_folder(path: Path, expects: Expectation) -> RawData:
    """Return the images of a folder that holds one folder for each class."""
    if not path.is_dir():
        raise ValueError(f"'{path}' is no folder; give a folder with one folder for each class")
    files: list[ImageFile] = []
    for folder in sorted(p for p in path.iterdir() if p.is_dir() and not _hidden(p.name)):
        found = sorted(p for p in folder.iterdir() if _is_image(p.name) and p.is_file())
        if not found:
            raise ValueError(
                f"the class folder '{folder.name}' has no images; add some or remove it"
            )
        files += [ImageFile(folder.name, f"{folder.name}/{p.name}", p.read_bytes) for p in found]
    return _decode_all(files, path.name, expects)


def read_zip(path: Path, expects: Expectation) -> RawData:
    """Return the images of a zip file with one folder for each class, none unpacked to disk."""
    check_zip(path, path.name)
    with zipfile.ZipFile(path) as archive:
        files = [
            ImageFile(PurePosixPath(m).parent.name, m, partial(archive.read, m))
            for m in sorted(archive.namelist())
            if _is_member(m)
        ]
        return _decode_all(files, path.name, expects)


def check_zip(file: Path | IO[bytes], name: str) -> None:
    """Raise ValueError unless a zip file is small enough, stays in its place, and holds classes."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"'{name}' is not a whole zip file; pack it again") from error
    if len(members) > MAX_MEMBERS:
        raise ValueError(f"'{name}' holds {len(members):,} files; pack {MAX_MEMBERS:,} at most")
    if sum(m.file_size for m in members) > MAX_UNPACKED_BYTES:
        raise ValueError(f"'{name}' unpacks to more than 1 GB; pack fewer images")
    for member in members:
        _check_member(member, name)
    _check_classes([m.filename for m in members], name)


def _check_member(member: zipfile.ZipInfo, name: str) -> None:
    path = member.filename
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or ":" in path or ".." in parts:
        raise ValueError(f"'{name}' holds the path '{path}', which leads outside it; pack it again")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ValueError(f"'{name}' holds the link '{path}'; pack the images themselves")
    if member.flag_bits & 1:
        raise ValueError(f"'{name}' is encrypted; pack it without a password")


def _check_classes(paths: list[str], name: str) -> None:
    """Raise ValueError unless images lie in class folders, all equally deep, none of them empty."""
    images = [PurePosixPath(p) for p in paths if _is_member(p)]
    if not images:
        raise ValueError(f"'{name}' holds no images; pack one folder of images for each class")
    if len({len(p.parts) for p in images}) != 1 or len(images[0].parts) < 2:
        raise ValueError(f"'{name}' mixes images and folders; pack one folder for each class")
    if len({p.parent.parent for p in images}) != 1:
        raise ValueError(
            f"'{name}' has folders inside class folders; pack one folder for each class"
        )
    full = {p.parent for p in images}
    depth = len(images[0].parts) - 1
    for folder in (PurePosixPath(p) for p in paths if p.endswith("/")):
        hidden = any(_hidden(part) for part in folder.parts)
        if len(folder.parts) == depth and folder not in full and not hidden:
            raise ValueError(f"the class folder '{folder.name}' has no images; fill or remove it")


def _is_image(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not _hidden(name)


def _is_member(path: str) -> bool:
    return _is_image(path) and not any(_hidden(part) for part in PurePosixPath(path).parts)


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))


def _decode_all(files: list[ImageFile], name: str, expects: Expectation) -> RawData:
    """Return every image, or as many of each class as memory allows, in the model's input size."""
    if not files:
        raise ValueError(
            f"'{name}' holds no class folders; make one folder of images for each class"
        )
    if expects.shape is None or len(expects.shape) != 3 or expects.shape[0] not in (1, 3):
        raise ValueError(
            "images need a model that takes them; give the input shape, such as 3,32,32 "
            "(1 or 3 channels, height, width)"
        )
    classes = tuple(sorted({f.label for f in files}))
    labels = np.array([classes.index(f.label) for f in files], dtype=np.int64)
    limit = MAX_TENSOR_BYTES // (4 * int(np.prod(expects.shape)))
    note = ""
    if len(files) > limit:
        chosen, _ = stratified(labels, limit / len(files), SUBSET_SEED)
        note = f"{len(chosen):,} of {len(files):,} images were taken, the same share of each class."
        files, labels = [files[i] for i in chosen], labels[chosen]
    x = torch.stack([_decode(file, expects) for file in files])
    return RawData(x=x, labels=labels, named=True, recorded=True, classes=classes, note=note)


def _decode(file: ImageFile, expects: Expectation) -> Tensor:
    """Return one image (C, H, W) in [0, 1]; ValueError names the file that is none or too large."""
    try:
        with Image.open(io.BytesIO(file.read()), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(
                    f"'{file.name}' has {image.width:,} by {image.height:,} pixels; "
                    f"scale it to {MAX_PIXELS // 1_000_000} million or fewer"
                )
            if image.mode.startswith(("I", "F")):
                raise ValueError(f"'{file.name}' has more than 8 bits a channel; save it with 8")
            return _to_tensor(image, expects)
    except DAMAGE as error:
        raise ValueError(
            f"'{file.name}' is not a whole image; remove it or save it again"
        ) from error


def _to_tensor(image: Image.Image, expects: Expectation) -> Tensor:
    assert expects.shape is not None
    channels, height, width = expects.shape
    upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    filters = {"bicubic": Image.Resampling.BICUBIC, "nearest": Image.Resampling.NEAREST}
    resampling = filters.get(expects.interpolation, Image.Resampling.BILINEAR)
    if expects.resize is None:
        scaled = upright.resize((width, height), resampling)
    else:
        scaled = _centre(upright, (width, height), expects.resize, resampling)
    pixels = torch.from_numpy(np.array(scaled, dtype=np.uint8)).float() / 255.0
    return pixels.unsqueeze(0) if channels == 1 else pixels.permute(2, 0, 1)


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
