"""Images in a zip file, read within it: in folders of classes, with masks, or with boxes."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from pruneviz.subjects.files import images, masks
from pruneviz.subjects.files.coco import read_coco
from pruneviz.subjects.files.image_tree import is_hidden, is_image
from pruneviz.subjects.files.masks import read_masks
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import image_files

Form = Literal["classes", "masks", "coco"]
BESIDE = ("", "annotations")  # where lists of boxes lie


def read_zip(path: Path, expects: Expectation, home: Path | None = None) -> RawData:
    """Return the images of a zip file with what is known of them, none unpacked to disk.

    Those of folders of classes are kept in `home` as they were decoded, for the next time.
    """
    check_zip(path, path.name)
    with zipfile.ZipFile(path) as archive:
        top, form = _looked_at(archive.namelist())
    if form == "classes":
        return images.read_zip(path, expects, home)
    read = {"masks": read_masks, "coco": read_coco}[form]
    try:
        with zipfile.ZipFile(path) as archive:
            return read(zipfile.Path(archive, top), expects)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise RefusedError(image_files.no_whole_zip(path.name)) from error


def check_zip(file: Path | IO[bytes], name: str) -> None:
    """Raise ValueError unless a zip file is small enough, stays in its place, and has a form."""
    try:
        with zipfile.ZipFile(file) as archive:
            images.check_members(archive.infolist(), name)
            form = _looked_at(archive.namelist())[1]
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise RefusedError(image_files.no_whole_zip(name)) from error
    if form == "classes":
        images.check_zip(file, name)


def _looked_at(members: Iterable[str]) -> tuple[str, Form]:
    """Return the folder around all files, "" for none, and what form they have within it.

    Folders `images` and `masks` are those of masks; a list in JSON at the top, or in `annotations`,
    is one of boxes where images lie beside it, or in `images`.
    """
    seen = [name for name in members if not name.endswith("/") and not is_hidden(name)]
    top = _around([PurePosixPath(name).parts for name in seen])
    inside = [name[len(top) :] for name in seen]
    if {masks.kind_of(name) for name in inside} >= {masks.IMAGES, masks.MASKS}:
        return top, "masks"
    lists = [name for name in inside if name.endswith(".json") and _above(name) in BESIDE]
    beside = [n for n in inside if is_image(n) and (not _above(n) or n.startswith("images/"))]
    return top, "coco" if lists and beside else "classes"


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
