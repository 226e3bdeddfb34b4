"""Images in a zip file, read within it: in folders of classes, with masks, or with boxes."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from pruneviz.subjects.files import images, masks
from pruneviz.subjects.files.coco import JUDGE, TRAIN, read_coco
from pruneviz.subjects.files.image_tree import is_hidden, is_image, unpacked
from pruneviz.subjects.files.masks import read_masks
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import image_files

Form = Literal["classes", "masks", "coco"]
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
BESIDE = ("", "annotations")  # where lists of boxes lie


def read_zip(path: Path, expects: Expectation, home: Path | None = None) -> RawData:
    """Return the images of a zip file with what is known of them, none unpacked to disk.

    Those of folders of classes are kept in `home` as they were decoded, for the next time.
    """
    check_zip(path, path.name)
    with zipfile.ZipFile(path) as archive:
        top, form = _looked_at(archive)
    if form == "classes":
        return images.read_zip(path, expects, home)
    read = {"masks": read_masks, "coco": read_coco}[form]
    try:
        with zipfile.ZipFile(path) as archive:
            return read(zipfile.Path(archive, top), expects)
    except DAMAGE as error:
        raise RefusedError(image_files.no_whole_zip(path.name)) from error


def check_zip(file: Path | IO[bytes], name: str) -> None:
    """Raise ValueError unless a zip file is small enough, stays in its place, and has a form."""
    try:
        with zipfile.ZipFile(file) as archive:
            images.check_members(archive.infolist(), name)
            form = _looked_at(archive)[1]
    except DAMAGE as error:
        raise RefusedError(image_files.no_whole_zip(name)) from error
    if form == "classes":
        images.check_zip(file, name)


def _looked_at(archive: zipfile.ZipFile) -> tuple[str, Form]:
    """Return the folder around all files, "" for none, and what form they have within it.

    Folders `images` and `masks` are those of masks; a JSON file at the top, or in `annotations`,
    that names images and annotations is a list of boxes where images lie beside it, or in `images`.
    """
    seen = [name for name in archive.namelist() if not name.endswith("/") and not is_hidden(name)]
    top = _around([PurePosixPath(name).parts for name in seen])
    inside = [name[len(top) :] for name in seen]
    if {masks.kind_of(name) for name in inside} >= {masks.IMAGES, masks.MASKS}:
        return top, "masks"
    lists = [name for name in inside if name.endswith(".json") and _above(name) in BESIDE]
    beside = [n for n in inside if is_image(n) and (not _above(n) or n.startswith("images/"))]
    listed = beside and any(_lists_boxes(archive, top + name) for name in lists)
    return top, "coco" if listed else "classes"


def _lists_boxes(archive: zipfile.ZipFile, name: str) -> bool:
    if PurePosixPath(name).name in (JUDGE, TRAIN):
        return True
    content = unpacked(archive, name)
    return b'"annotations"' in content and b'"images"' in content


def _around(paths: list[tuple[str, ...]]) -> str:
    """Return the folders that all paths begin with, but for those with a meaning."""
    top = ""
    for parts in zip(*(path[:-1] for path in paths), strict=False):
        if len(set(parts)) > 1 or parts[0].lower() in (masks.IMAGES, masks.MASKS):
            break
        top += f"{parts[0]}/"
    return top


def _above(name: str) -> str:
    return "" if "/" not in name else name.rpartition("/")[0]
